import type { EmailJob } from '../../src/contracts/generated.ts';
import { DELAY_TIERS, type DelayTier, topics } from '../../src/contracts/topic.ts';
import { assert } from '../../src/domain/error.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { Task } from '../../src/runtime/ports.ts';
import type { Draft, Fold, Input, Output, StreamDefinition } from '../../src/runtime/processor.ts';
import { dueAt, NAME, release, VERSION } from './step.ts';

/** Consumer group of the delay processors. */
export const DELAY_GROUP = 'postlane.delay';

const tierOf = (topic: string): DelayTier => {
  const tier = DELAY_TIERS.find((candidate) => topics.delay(candidate).name === topic);
  assert(tier !== undefined, 'a task of the delay processor reads a tier', { topic });
  return tier;
};

/** Holds back what is not due. Stateless: how long a record waited is in the log. */
function delayFold(task: Task): Fold<EmailJob> {
  const tier = tierOf(task.topic);
  return {
    fold(inputs: readonly Input<EmailJob>[], now: Millis): Draft {
      const outputs: Output[] = [];
      const counts = new Map<string, number>();
      let waitUntil: Millis | null = null;
      let consumed = 0;
      for (const { record } of inputs) {
        const due = dueAt(tier, record);
        if (due > now) {
          waitUntil = due;
          break;
        }
        const { output, decision } = release(task, record, now);
        outputs.push(output);
        counts.set(decision, (counts.get(decision) ?? 0) + 1);
        consumed++;
      }
      return { outputs, consumed, waitUntil, counts, believe: () => undefined };
    },
  };
}

/** The delay processor: one group over all tiers of the ladder; `email.delay.<tier>` → `email.due.<type>` or a lower tier. */
export const delayDefinition = (): StreamDefinition<EmailJob> => ({
  name: NAME,
  version: VERSION,
  inputs: DELAY_TIERS.map((tier) => topics.delay(tier)),
  decode: false,
  stage: 'decode',
  open: (task) => Promise.resolve(delayFold(task)),
});
