import { createHmac, randomBytes } from 'node:crypto';
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Stoppable, Telemetry } from '../runtime/ports.ts';
import { MetricRegistry } from './registry.ts';
import { scrub } from './scrub.ts';

export interface TelemetryOptions {
  /** Names the process in every line and metric, for example `worker`. */
  readonly role: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Key of the address hashes. `null`: a random one, so that hashes compare within this process only. */
  readonly addressKey: Uint8Array | null;
  /** Where lines go instead of standard error: for tests. */
  readonly destination?: DestinationStream;
}

const STANDARD_ERROR = 2;
/** Enough to tell the addresses of a log apart, too little to be looked up by trying. */
const HASH_LENGTH = 16;

type Labels = Readonly<Record<string, string>>;

/** Logs as JSON lines on standard error, and metrics for Prometheus. Lines are written in the background and flushed at exit. */
export class ProcessTelemetry implements Telemetry, Stoppable {
  readonly metrics: MetricRegistry;
  private readonly logger: Logger;
  private addressKey: Uint8Array;
  private readonly flush: () => void;

  constructor(options: TelemetryOptions) {
    this.metrics = new MetricRegistry({ role: options.role });
    this.addressKey = options.addressKey ?? randomBytes(32);
    const own = options.destination === undefined ? destination({ dest: STANDARD_ERROR, sync: false }) : null;
    this.flush = () => own?.flushSync();
    process.once('exit', this.flush);
    this.logger = pino(
      {
        level: options.level,
        base: { role: options.role, pid: process.pid },
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      options.destination ?? (own as DestinationStream),
    );
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    this.metrics.count(name, labels, by);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    this.metrics.gauge(name, value, labels);
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    this.metrics.observe(name, value, labels);
  }

  log(
    level: 'debug' | 'info' | 'warn' | 'error',
    message: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    if (!this.logger.isLevelEnabled(level)) return;
    this.logger[level]({ facts: scrub(facts, this.hashAddress) }, scrub(message, this.hashAddress) as string);
  }

  /** Stands for an address in logs: the same address gives the same text, and the text gives no address. */
  readonly hashAddress = (address: string): string => {
    const digest = createHmac('sha256', this.addressKey).update(address.toLowerCase()).digest('hex');
    return `address-${digest.slice(0, HASH_LENGTH)}`;
  };

  /** From now on addresses are hashed under this key: it was rotated. */
  useAddressKey(key: Uint8Array): void {
    this.addressKey = key;
  }

  /** Writes what was logged and ends the measuring. Idempotent. */
  async stop(): Promise<void> {
    process.removeListener('exit', this.flush);
    this.flush();
    this.metrics.stop();
  }
}
