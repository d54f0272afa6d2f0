import type { Feedback } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import type { Mail } from '../../src/domain/feedback/mail.ts';
import type { Millis } from '../../src/domain/time.ts';
import { deadLetter } from '../../src/runtime/encode.ts';
import type { StoredRecord, Task } from '../../src/runtime/ports.ts';
import {
  type Draft,
  emit,
  type Fold,
  type Input,
  type Output,
  type StreamDefinition,
} from '../../src/runtime/processor.ts';
import { formatOf, isMail, keyOf, NAME, type SplitTools, splitFeedback, VERSION } from './step.ts';

/** Consumer group of the splits. */
export const SPLIT_GROUP = 'postlane.split';

export interface SplitDependencies extends SplitTools {
  /** Takes a mail apart; answers something for any bytes. */
  readonly readMail: (bytes: Uint8Array) => Promise<Mail>;
}

class SplitFold implements Fold<Feedback> {
  private readonly task: Task;
  private readonly deps: SplitDependencies;
  /** Mails of the batch under way, by the record that they lie in. */
  private readonly mails = new WeakMap<StoredRecord, Mail>();

  constructor(task: Task, deps: SplitDependencies) {
    this.task = task;
    this.deps = deps;
  }

  /** One after the other: a mail is taken apart on this thread in any case. */
  prepare(inputs: readonly Input<Feedback>[]): Promise<void> {
    return inputs.reduce((before, input) => before.then(() => this.read(input)), Promise.resolve());
  }

  private read({ record, value }: Input<Feedback>): Promise<void> | undefined {
    const format = formatOf(value);
    if (format === null || !isMail(format)) return undefined;
    return this.deps.readMail(value.body).then((mail) => void this.mails.set(record, mail));
  }

  fold(inputs: readonly Input<Feedback>[], now: Millis): Draft {
    const outputs: Output[] = [];
    const counts = new Map<string, number>();
    const tell = (decision: string): void => void counts.set(decision, (counts.get(decision) ?? 0) + 1);
    for (const { record, value } of inputs) {
      const result = splitFeedback(value, this.mails.get(record) ?? null, this.deps);
      if (!result.ok) {
        const { reason, detail } = result;
        const why = { stage: NAME, reason, detail, processor: NAME, version: VERSION, at: now };
        outputs.push(deadLetter(this.task, record, why));
        tell(`refused:${reason}`);
        continue;
      }
      if (result.events.length === 0) tell('says-nothing');
      for (const event of result.events) {
        outputs.push(emit(topics.feedbackEvents, keyOf(event), event));
        tell(event.kind);
      }
    }
    return { outputs, consumed: inputs.length, waitUntil: null, counts, believe: () => undefined };
  }
}

/** The split: `email.feedback` → one record per event on `email.feedback-events`. Stateless. */
export const splitDefinition = (deps: SplitDependencies): StreamDefinition<Feedback> => ({
  name: NAME,
  version: VERSION,
  inputs: [topics.feedback],
  decode: true,
  stage: 'decode',
  open: (task) => Promise.resolve(new SplitFold(task, deps)),
});
