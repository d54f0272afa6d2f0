import type { Source } from '../domain/policy.ts';
import type { Millis } from '../domain/time.ts';
import type { Telemetry } from '../runtime/ports.ts';
import { Secret } from '../secrets/secret.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Credentials } from './mail.ts';

/** What new connections log in with, through rotations. The courier tells it what became of each log-in. */
export interface LogIns {
  /** What a new connection logs in with; null: the source asks for nothing. Throws SECRET_UNAVAILABLE. */
  of(source: Source): Promise<Credentials | null>;
  /**
   * The relay refused what was `tried`, the last one just now. Answers what to try instead on another connection, read anew; null
   * where nothing is left, and only then the refusal is a failure of the relay.
   */
  refused(source: Source, tried: readonly Credentials[]): Promise<Credentials | null>;
  accepted(source: Source, credentials: Credentials): void;
  /** True where a new connection would log in with the same: others are not used for another mail. */
  isCurrent(source: Source, credentials: Credentials): boolean;
  stop(): void;
}

export interface LogInOptions {
  readonly secrets: Secrets;
  readonly telemetry: Telemetry;
  readonly now: () => Millis;
  /** How long a newest credential that was refused is not tried again while an older one works: relays lock out who insists. */
  readonly retryMs: number;
}

interface State {
  newest: Credentials;
  /** The last one that logged in. */
  good: Credentials | null;
  /** When the relay last refused the newest; null: it did not. */
  refusedAt: Millis | null;
  /** The alarm about the newest was given. */
  alarmed: boolean;
  readonly endWatch: () => void;
}

/**
 * Log-ins by what the secrets port says. The newest credential is tried first; where it is refused it is read again at once, since
 * it may have been rotated; then come the last good one, and the edition before, which are an alarm.
 */
export class RotatingLogIns implements LogIns {
  private readonly options: LogInOptions;
  private readonly states = new Map<string, State>();

  constructor(options: LogInOptions) {
    this.options = options;
  }

  async of(source: Source): Promise<Credentials | null> {
    if (source.user === null) return null;
    const state = await this.known(source, false);
    const { now, retryMs } = this.options;
    if (!isHeld(state, now(), retryMs)) {
      // One connection tries the newest again; the others go on with what works.
      if (state.refusedAt !== null) state.refusedAt = now();
      return state.newest;
    }
    return state.good ?? state.newest;
  }

  async refused(source: Source, tried: readonly Credentials[]): Promise<Credentials | null> {
    const { telemetry, now } = this.options;
    telemetry.count('postlane_log_ins_total', { source: source.name, outcome: 'refused' });
    const state = await this.known(source, true);
    const isTried = (one: Credentials): boolean => tried.some((other) => isSame(one, other));
    if (isTried(state.newest)) {
      state.refusedAt = now();
      telemetry.gauge('postlane_credential_refused', 1, { source: source.name });
    }
    for (const candidate of [state.newest, state.good]) {
      if (candidate !== null && !isTried(candidate)) return candidate;
    }
    const before = await this.before(source);
    if (before !== null && !isTried(before)) return before;
    this.alarm(source, state, 'the relay refuses every credential that is known; its mails wait');
    return null;
  }

  accepted(source: Source, credentials: Credentials): void {
    const { telemetry } = this.options;
    const state = this.states.get(source.name);
    if (!state) return;
    const isNewest = isSame(credentials, state.newest);
    const changed = state.good === null || !isSame(state.good, credentials);
    state.good = isNewest ? state.newest : credentials;
    telemetry.count('postlane_log_ins_total', { source: source.name, outcome: isNewest ? 'accepted' : 'fallback' });
    if (isNewest) {
      if (changed || state.refusedAt !== null) {
        telemetry.gauge('postlane_credential_refused', 0, { source: source.name });
        telemetry.log('info', 'the relay accepts the newest credential', { source: source.name });
      }
      state.refusedAt = null;
      state.alarmed = false;
    } else if (state.refusedAt !== null) {
      this.alarm(source, state, 'the relay refuses the newest credential; the last good one is used');
    }
  }

  isCurrent(source: Source, credentials: Credentials): boolean {
    const state = this.states.get(source.name);
    if (!state) return true;
    const preferred = state.refusedAt === null ? state.newest : (state.good ?? state.newest);
    return isSame(preferred, credentials);
  }

  stop(): void {
    for (const { endWatch } of this.states.values()) endWatch();
    this.states.clear();
  }

  /** Told once per credential: whoever is woken by it need not be told again. */
  private alarm(source: Source, state: State, what: string): void {
    if (state.alarmed) return;
    state.alarmed = true;
    this.options.telemetry.log('error', what, { source: source.name, references: [source.user, source.password] });
  }

  /** The state of a source with the newest credential as the secrets port has it now. */
  private async known(source: Source, anew: boolean): Promise<State> {
    const read = await this.read(source, anew);
    const state = this.states.get(source.name);
    if (!state) {
      const endWatch = this.options.secrets.onChange(referencesOf(source), () => {
        void this.known(source, false).catch(() => undefined);
      });
      const made: State = { newest: read, good: null, refusedAt: null, alarmed: false, endWatch };
      this.states.set(source.name, made);
      return made;
    }
    if (!isSame(state.newest, read)) {
      state.newest = read;
      state.refusedAt = null;
      state.alarmed = false;
      // Nobody has refused this one yet; where it is the last good one again, nobody may log in for it either.
      this.options.telemetry.gauge('postlane_credential_refused', 0, { source: source.name });
    }
    return state;
  }

  private async read({ user, password }: Source, anew: boolean): Promise<Credentials> {
    const { secrets } = this.options;
    const ask = (reference: string) => (anew ? secrets.reread(reference) : secrets.resolve(reference));
    const [name, pass] = await Promise.all([
      ask(user as string),
      password === null ? Promise.resolve(NOTHING) : ask(password),
    ]);
    return { user: name, pass };
  }

  /** What the store held before: it serves a process that has seen no good one yet. */
  private async before({ user, password }: Source): Promise<Credentials | null> {
    const { secrets } = this.options;
    if (user === null || password === null) return null;
    const [name, pass] = await Promise.all([secrets.before(user), secrets.before(password)]);
    if (pass === null) return null;
    return { user: name ?? (await secrets.resolve(user)), pass };
  }
}

const NOTHING = Secret.of('');

const referencesOf = ({ user, password }: Source): readonly string[] =>
  [user, password].filter((reference) => reference !== null);

const isSame = (left: Credentials, right: Credentials): boolean =>
  left === right || (left.user.equals(right.user) && left.pass.equals(right.pass));

/** The newest is left alone for a while, because it was refused and something else works. */
const isHeld = ({ refusedAt, good, newest }: State, now: Millis, retryMs: number): boolean =>
  refusedAt !== null && good !== null && !isSame(good, newest) && now - refusedAt < retryMs;
