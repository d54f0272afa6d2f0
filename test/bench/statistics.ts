/** The value below which `share` of the values lie (nearest rank); NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)] as number;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

/** `median (least … most)`. */
export function spread(values: readonly number[], digits = 0): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)} … ${most.toFixed(digits)})`;
}

/**
 * Events a second in the steady part of a run: between the tenth and the ninetieth percent of them, so that neither a slow
 * start nor a last straggler counts.
 */
export function steadyRate(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const [first, last] = [Math.floor(sorted.length * 0.1), Math.ceil(sorted.length * 0.9) - 1];
  const elapsedMs = (sorted[last] ?? Number.NaN) - (sorted[first] ?? Number.NaN);
  return ((last - first) / elapsedMs) * 1_000;
}
