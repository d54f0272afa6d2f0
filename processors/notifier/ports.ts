import type { DeliveryResult, WebhookEndpoint } from '../../src/contracts/generated.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { History } from '../../src/runtime/history-port.ts';
import type { Clock, Telemetry } from '../../src/runtime/ports.ts';
import type { Deliver } from '../../src/webhooks/deliver.ts';
import type { Slots } from './slots.ts';

/** What the endpoints of a process share. */
export interface Shared {
  readonly history: History<DeliveryResult>;
  readonly deliver: Deliver;
  /** The signature header of an event. Throws SECRET_UNAVAILABLE, which passes. */
  readonly sign: (endpoint: WebhookEndpoint, message: SignedMessage) => Promise<string>;
  readonly hash: (text: string) => string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly slots: Slots;
  /** In [0, 1). */
  readonly jitter: () => number;
  /** Deliveries to one endpoint at once, at most. */
  readonly windowMax: number;
  readonly retryForMs: Millis;
}

/** What is signed: id, time in whole seconds, and the body. */
export interface SignedMessage {
  readonly id: string;
  readonly timestamp: number;
  readonly body: string;
}
