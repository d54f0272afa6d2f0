/** 97.5 % of a normal distribution lie below it: of forty identities without a fault one looks worse than it is. */
const DEVIATIONS = 1.96;

/**
 * Lower bound of a rate of which `hits` out of `trials` were seen: Wilson's interval with continuity correction (Newcombe,
 * Statistics in Medicine 17, 1998, method 4), which stays honest where hits are rare. So three mails condemn nobody. Needs
 * no more than a square root, which IEEE 754 rounds exactly: the same everywhere.
 */
export function lowerBound(hits: number, trials: number): number {
  if (trials <= 0 || hits <= 0) return 0;
  const rate = Math.min(1, hits / trials);
  const square = DEVIATIONS * DEVIATIONS;
  const spread = square - 2 - 1 / trials + 4 * rate * (trials * (1 - rate) + 1);
  const bound = 2 * trials * rate + square - 1 - DEVIATIONS * Math.sqrt(Math.max(0, spread));
  return Math.max(0, bound / (2 * (trials + square)));
}
