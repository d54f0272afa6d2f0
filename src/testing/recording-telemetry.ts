import type { Telemetry } from '../runtime/ports.ts';

/** Telemetry for tests: keeps sums per counter, what was observed and what was logged; prints nothing. */
export class RecordingTelemetry implements Telemetry {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly observed = new Map<string, number[]>();
  readonly logged: { readonly level: string; readonly message: string; readonly facts?: unknown }[] = [];

  count(name: string, labels: Readonly<Record<string, string>> = {}, by = 1): void {
    for (const key of [name, `${name}${JSON.stringify(labels)}`])
      this.counters.set(key, (this.counters.get(key) ?? 0) + by);
  }

  gauge(name: string, value: number, labels: Readonly<Record<string, string>> = {}): void {
    this.gauges.set(`${name}${JSON.stringify(labels)}`, value);
  }

  observe(name: string, value: number): void {
    this.observed.set(name, [...(this.observed.get(name) ?? []), value]);
  }

  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, facts?: Readonly<Record<string, unknown>>): void {
    this.logged.push({ level, message, facts });
  }

  /** The sum of a counter over all labels; 0 if it was never counted. */
  sum(name: string): number {
    return this.counters.get(name) ?? 0;
  }

  /** What a gauge was set to last; undefined if it never was. */
  gauged(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    return this.gauges.get(`${name}${JSON.stringify(labels)}`);
  }

  /** What was observed under a name, over all labels, in its order. */
  observations(name: string): readonly number[] {
    return this.observed.get(name) ?? [];
  }
}
