import type { FeedbackEvent } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { BOUNCE_RULES_VERSION } from '../../src/domain/bounce-rules.ts';
import { assert } from '../../src/domain/error.ts';
import type { Provider } from '../../src/domain/policy.ts';
import type { RecipientNames } from '../../src/domain/recipient-names.ts';
import { foldedAddress, type SentMail } from '../../src/domain/sent-mail.ts';
import { DAY_MS, type Millis, SECOND_MS } from '../../src/domain/time.ts';
import type { Task } from '../../src/runtime/ports.ts';
import {
  type Draft,
  emit,
  type Fold,
  type Input,
  type Output,
  type Restore,
  type StreamDefinition,
} from '../../src/runtime/processor.ts';
import { type SeenStore, windowStart } from '../../src/runtime/seen-port.ts';
import type { SentMails } from '../../src/runtime/sent-mails-port.ts';
import { type Binding, type BindRules, bind } from './bind.ts';
import { boundOutputs, matters, meaningKey, unboundOutputs } from './step.ts';

const NAME = 'feedback';
const VERSION = `1/${BOUNCE_RULES_VERSION}`;
/** Consumer group of the feedback processors. */
export const FEEDBACK_GROUP = 'postlane.feedback';
/** How long an event is known again: as long as `email.feedback-seen` is kept (topics.yaml). */
export const FEEDBACK_WINDOW_MS = 7 * DAY_MS;
/** A server may refuse a mail before the result is committed that says it went out: what came so soon is waited for. */
export const SETTLE_MS = SECOND_MS;
/** How soon a fold that waits looks again. */
const GATE_MS = 100;

export interface FeedbackDependencies {
  readonly mails: SentMails;
  readonly rules: BindRules;
  /** What stands for recipients in signals. */
  readonly names: RecipientNames;
  readonly providerOf: (domain: string) => Provider;
  /** 16 bytes that stand for the text. */
  readonly hash: (text: string) => Buffer;
  /** The deduplication store of a partition, brought up to `email.feedback-seen` after the fence. */
  readonly openSeen: (partition: number, restore: Restore, nextOffset: number) => Promise<SeenStore>;
}

/** One batch in the making: nothing of it is believed before the log has said yes. */
interface Sketch {
  readonly outputs: Output[];
  readonly counts: Map<string, number>;
  readonly fresh: Set<string>;
  readonly hashes: Uint8Array[];
}

class FeedbackFold implements Fold<FeedbackEvent> {
  private readonly task: Task;
  private readonly seen: SeenStore;
  private readonly deps: FeedbackDependencies;
  constructor(task: Task, seen: SeenStore, deps: FeedbackDependencies) {
    this.task = task;
    this.seen = seen;
    this.deps = deps;
  }

  fold(inputs: readonly Input<FeedbackEvent>[], now: Millis): Draft {
    const sketch: Sketch = { outputs: [], counts: new Map(), fresh: new Set(), hashes: [] };
    const currentAt = this.deps.mails.currentAt(now);
    let consumed = 0;
    for (const input of inputs) {
      const binding = bind(input.value, this.deps.mails, this.deps.rules);
      const mightBeKnownSoon = binding.kind === 'unbound' && binding.why === 'unknown-mail';
      if (mightBeKnownSoon && currentAt < input.at + SETTLE_MS) break;
      this.take(sketch, input, binding);
      consumed++;
    }
    return this.draft(sketch, inputs.slice(0, consumed), consumed < inputs.length ? now + GATE_MS : null);
  }

  private take(sketch: Sketch, { value: event, at }: Input<FeedbackEvent>, binding: Binding): void {
    if (!matters(event)) return tell(sketch, event.kind);
    const mail = binding.kind === 'bound' ? binding.mail : null;
    if (!this.isNew(sketch, event, mail, at)) return tell(sketch, 'duplicate');
    if (binding.kind === 'bound') {
      sketch.outputs.push(...boundOutputs(event, binding.mail, this.providerOf(binding.mail), this.deps.names));
      return tell(sketch, `${event.kind}:${binding.by}`);
    }
    const tenant = this.deps.rules.routeOf(event.route)?.tenant ?? null;
    sketch.outputs.push(...unboundOutputs(event, tenant, this.deps.names));
    return tell(sketch, `unbound:${binding.why}`);
  }

  private isNew(sketch: Sketch, event: FeedbackEvent, mail: SentMail | null, at: Millis): boolean {
    const { hash, names } = this.deps;
    const id = hash(meaningKey(event, mail, names));
    const key = id.toString('latin1');
    if (sketch.fresh.has(key) || this.seen.find(id, windowStart(at, FEEDBACK_WINDOW_MS)) !== undefined) return false;
    sketch.fresh.add(key);
    sketch.hashes.push(id, hash(event.eventId));
    return true;
  }

  private providerOf({ recipient }: SentMail): Provider {
    const folded = foldedAddress(recipient) ?? '';
    return this.deps.providerOf(folded.slice(folded.lastIndexOf('@') + 1));
  }

  private draft(sketch: Sketch, inputs: readonly Input<FeedbackEvent>[], waitUntil: Millis | null): Draft {
    const { outputs, counts, hashes } = sketch;
    const draft = { outputs, consumed: inputs.length, waitUntil, counts };
    const last = inputs.at(-1);
    if (hashes.length === 0 || last === undefined) return { ...draft, believe: () => undefined };
    const at = inputs.reduce((newest, input) => Math.max(newest, input.at), 0);
    const { partition } = this.task;
    const batch = { at, hashes: Buffer.concat(hashes) };
    outputs.push(emit(topics.feedbackSeen, String(partition), batch, { partition }) as Output);
    return {
      ...draft,
      believe: (landed) => {
        const place = landed[outputs.length - 1];
        assert(place !== undefined, 'what was counted has landed');
        const checkpoint = { inputOffset: last.record.offset + 1, changelogOffset: place.offset + 1 };
        return this.seen.add([batch], checkpoint, windowStart(at, FEEDBACK_WINDOW_MS));
      },
    };
  }
}

const tell = ({ counts }: Sketch, decision: string): void => {
  counts.set(decision, (counts.get(decision) ?? 0) + 1);
};

/**
 * The feedback processor: events → signals per subject on `email.reputation`, and annotations on `email.results.<type>`
 * where an event is bound to a mail of ours; each counted once.
 */
export const feedbackDefinition = (deps: FeedbackDependencies): StreamDefinition<FeedbackEvent> => ({
  name: NAME,
  version: VERSION,
  inputs: [topics.feedbackEvents],
  decode: true,
  stage: 'decode',
  open: (task, restore, { nextOffset }) =>
    deps.openSeen(task.partition, restore, nextOffset).then((seen) => new FeedbackFold(task, seen, deps)),
});
