import type { SiteLimits, Source } from '../../src/domain/policy.ts';
import type { DeliveryOutcome } from '../../src/domain/reply.ts';
import type { Telemetry } from '../../src/runtime/ports.ts';
import type { Courier } from '../../src/smtp/mail.ts';
import type { MailMaker } from '../../src/smtp/mail-maker.ts';
import type { WorkerPorts } from './index.ts';
import type { Turns } from './turns.ts';
import type { Unit } from './unit.ts';

export interface SenderParts {
  readonly mails: MailMaker;
  readonly courier: Courier;
  limitsOf(unit: Unit, source: Source): SiteLimits;
  /** Told what a server answered. */
  answered?(unit: Unit, source: Source, outcome: DeliveryOutcome): void;
  readonly telemetry: Telemetry;
  /** The turns in which mails are made; null: at once. */
  readonly making: Turns | null;
}

/** One attempt: makes the message, signs it, hands it over. */
export const sender =
  ({ mails, courier, limitsOf, answered, telemetry, making }: SenderParts): WorkerPorts['send'] =>
  async (unit, signal, closing) => {
    const { job, envelope, source, lane } = unit;
    const make = () => mails.make(job.content, envelope.acceptedAt);
    const made = await (making ? making.take(make) : make());
    if (!made.ok) {
      const detail = made.detail ?? FAULTS[made.fault] ?? null;
      if (job.content.templateId === null) return { kind: 'invalid', reason: made.fault, detail };
      return { kind: 'unrenderable', reason: made.fault, detail: detail ?? made.fault };
    }
    if (!made.signed) telemetry.count('postlane_unsigned_mails_total', { queue: lane.queue });
    if (source === null) throw new TypeError('a unit that was chosen has a source');
    const route = { source, site: unit.site, limits: limitsOf(unit, source), signal, closing };
    const outcome = await courier.deliver(made.mail, route);
    answered?.(unit, source, outcome);
    return { kind: 'attempted', attempt: { outcome, messageId: made.messageId, senderDomain: made.senderDomain } };
  };

/** What a person reads in the ending; other faults speak for themselves. */
const FAULTS: Readonly<Record<string, string>> = {
  'unknown-sender': 'the sender’s domain is not configured, and senders.mode is strict',
};
