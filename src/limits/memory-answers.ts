import type { Clock } from '../runtime/ports.ts';
import { ANSWER_MS, type AnswerStore, CLAIM_MS_MAX, type Claim } from './answer-store.ts';
import { BoundedMap } from './bounded-map.ts';

interface Kept {
  readonly fingerprint: string;
  readonly token: string;
  readonly phase: 'working' | 'answered' | 'released';
  /** Believed until then. */
  readonly until: number;
}

/** Some 200 bytes each. */
const KEYS_MAX = 200_000;

/** What one process remembers by itself. A key that is forgotten is harmless: its job has the same id the next time. */
export class MemoryAnswers implements AnswerStore {
  private readonly kept = new BoundedMap<string, Kept>(KEYS_MAX);
  private readonly clock: Pick<Clock, 'now'>;
  private tokens = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.clock = clock;
  }

  async claim(key: string, fingerprint: string): Promise<Claim> {
    const now = this.clock.now();
    const known = this.kept.get(key);
    if (known !== undefined && known.until > now) {
      if (known.fingerprint !== fingerprint) return { kind: 'other' };
      if (known.phase === 'answered') return { kind: 'answered' };
      if (known.phase === 'working') return { kind: 'in-flight' };
    }
    const token = String(++this.tokens);
    this.kept.set(key, { fingerprint, token, phase: 'working', until: now + CLAIM_MS_MAX });
    return { kind: 'fresh', token };
  }

  async keep(key: string, fingerprint: string, token: string): Promise<void> {
    this.kept.set(key, { fingerprint, token, phase: 'answered', until: this.clock.now() + ANSWER_MS });
  }

  async release(key: string, fingerprint: string, token: string): Promise<void> {
    if (this.kept.get(key)?.token !== token) return;
    this.kept.set(key, { fingerprint, token, phase: 'released', until: this.clock.now() + ANSWER_MS });
  }
}
