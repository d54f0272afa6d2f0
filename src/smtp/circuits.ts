import CircuitBreaker from 'opossum';
import type { DeliveryOutcome } from '../domain/reply.ts';
import type { Millis } from '../domain/time.ts';
import { failed } from './outcome.ts';

export interface CircuitOptions {
  /** Failures in a row, over all connections, that open it. */
  readonly failures: number;
  /** How long nothing is let through then; after it one attempt is the trial. */
  readonly resetMs: number;
  readonly now: () => Millis;
  /** What speaks against that which the circuit protects. */
  readonly isFailure: (outcome: DeliveryOutcome) => boolean;
}

/** While one attempt tries whether a circuit may close, the others look again this often. */
const TRIAL_POLL_MS = 250;
/** More sites than any worker talks to at once: circuits that are closed are forgotten beyond it. */
const CIRCUITS_MAX = 10_000;

/** Carries an outcome that speaks against a site through the breaker, which counts what is thrown. */
class SiteFailure extends Error {
  readonly outcome: DeliveryOutcome;
  constructor(outcome: DeliveryOutcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

type Attempt = () => Promise<DeliveryOutcome>;

interface Circuit {
  readonly breaker: CircuitBreaker<[Attempt], DeliveryOutcome>;
  failuresInARow: number;
  until: Millis | null;
}

/** One circuit breaker per key. Answers about a mail or a recipient never open one. */
export class Circuits {
  private readonly options: CircuitOptions;
  private readonly circuits = new Map<string, Circuit>();

  constructor(options: CircuitOptions) {
    this.options = options;
  }

  /** Until when nothing is let through; null where something is. `trial`: exactly one attempt. */
  state(key: string): { readonly until: Millis | null; readonly trial: boolean } {
    const room = this.room(key);
    if (room > 0) return { until: null, trial: room === 1 };
    // A trial under way ends before long; nobody knows when.
    return { until: Math.max(this.circuits.get(key)?.until ?? 0, this.options.now() + TRIAL_POLL_MS), trial: false };
  }

  /** How many attempts it lets through now. */
  room(key: string): number {
    const breaker = this.circuits.get(key)?.breaker;
    if (breaker === undefined || breaker.closed) return Number.POSITIVE_INFINITY;
    return breaker.pendingClose ? 1 : 0;
  }

  /** Makes the attempt, or answers `circuit-open`. */
  async run(key: string, attempt: Attempt): Promise<DeliveryOutcome> {
    if (this.room(key) === 0) return failed('connect', 'circuit-open');
    try {
      return await this.circuit(key).breaker.fire(attempt);
    } catch (error) {
      if (error instanceof SiteFailure) return error.outcome;
      throw error;
    }
  }

  close(): void {
    for (const { breaker } of this.circuits.values()) breaker.shutdown();
    this.circuits.clear();
  }

  private circuit(key: string): Circuit {
    const known = this.circuits.get(key);
    if (known) return known;
    if (this.circuits.size >= CIRCUITS_MAX) this.forgetOne();
    const circuit: Circuit = { breaker: this.breaker(key), failuresInARow: 0, until: null };
    circuit.breaker.on('success', () => {
      circuit.failuresInARow = 0;
    });
    circuit.breaker.on('failure', () => {
      circuit.failuresInARow += 1;
      if (circuit.breaker.closed && circuit.failuresInARow >= this.options.failures) circuit.breaker.open();
    });
    circuit.breaker.on('open', () => {
      circuit.until = this.options.now() + this.options.resetMs;
    });
    circuit.breaker.on('close', () => {
      circuit.until = null;
      circuit.failuresInARow = 0;
    });
    this.circuits.set(key, circuit);
    return circuit;
  }

  private breaker(key: string): CircuitBreaker<[Attempt], DeliveryOutcome> {
    const judge = async (attempt: Attempt): Promise<DeliveryOutcome> => {
      const trial = this.circuits.get(key)?.breaker.halfOpen === true;
      const outcome = await attempt();
      // A trial that was broken off has shown nothing: the circuit stays open.
      const inconclusive = trial && outcome.kind === 'failed' && outcome.reason === 'aborted';
      if (this.options.isFailure(outcome) || inconclusive) throw new SiteFailure(outcome);
      return outcome;
    };
    return new CircuitBreaker<[Attempt], DeliveryOutcome>(judge, {
      name: key,
      // Attempts have time-outs of their own; one here would abandon a mail after its final dot.
      timeout: false,
      resetTimeout: this.options.resetMs,
      // Failures in a row are counted here; a share of a window can never exceed all of it.
      errorThresholdPercentage: 100,
      rollingCountTimeout: 10_000,
      rollingCountBuckets: 1,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
  }

  private forgetOne(): void {
    for (const [key, { breaker }] of this.circuits) {
      if (!breaker.closed) continue;
      breaker.shutdown();
      this.circuits.delete(key);
      return;
    }
  }
}
