/**
 * Committed metadata begins with the group generation of who wrote it. A reader whose own generation is lower is a
 * zombie and lets go (TxnOffsetCommit of our client carries no generation, so the group cannot tell: DESIGN section 5).
 */
export const generationMetadata = (generation: number, rest = ''): string => `g${generation};${rest}`;

/** The generation in committed metadata; -1 where there is none. */
export function generationIn(metadata: string): number {
  const match = /^g(\d{1,15});/.exec(metadata);
  return match ? Number(match[1]) : -1;
}
