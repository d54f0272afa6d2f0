import type { Answer, Asking } from '../domain/dns/lookup.ts';
import type { LookUps } from './look-ups.ts';

/** Answers what a check asks, one look-up after the other, and gives what it found. */
export async function answer<T>(lookUps: LookUps, asking: Asking<T>): Promise<T> {
  let step = asking.next();
  while (!step.done) {
    const found: Answer = await lookUps.lookUp(step.value);
    step = asking.next(found);
  }
  return step.value;
}
