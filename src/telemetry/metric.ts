/**
 * One metric. The help says what it counts and when to worry. Label values come from closed sets or the configuration: never an
 * address, a recipient's domain or an id.
 */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds, of histograms only. */
  readonly buckets?: readonly number[];
}

export const DURATION_BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000];
export const LEDGER_BUCKETS_BYTES = [16, 64, 256, 512, 1_024, 2_048, 3_072, 4_096];

export const counter = (name: string, labels: readonly string[], help: string): MetricDeclaration => ({
  name,
  type: 'counter',
  help,
  labels,
});
export const gauge = (name: string, labels: readonly string[], help: string): MetricDeclaration => ({
  name,
  type: 'gauge',
  help,
  labels,
});
export const histogram = (
  name: string,
  labels: readonly string[],
  buckets: readonly number[],
  help: string,
): MetricDeclaration => ({ name, type: 'histogram', help, labels, buckets });
