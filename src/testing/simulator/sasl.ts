/** What a client must know to send. */
export interface SimulatorCredentials {
  readonly user: string;
  readonly pass: string;
}

/** What the server says next: another challenge, or how it ended. */
export type AuthStep =
  | { readonly kind: 'challenge'; readonly text: string }
  | { readonly kind: 'done'; readonly accepted: boolean }
  | { readonly kind: 'malformed' };

const USER_CHALLENGE = Buffer.from('Username:').toString('base64');
const PASSWORD_CHALLENGE = Buffer.from('Password:').toString('base64');
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** One log-in: PLAIN (RFC 4616) or LOGIN. */
export class AuthDialogue {
  private readonly mechanism: string;
  private readonly accepted: readonly SimulatorCredentials[];
  private user: string | null = null;

  constructor(mechanism: string, accepted: readonly SimulatorCredentials[]) {
    this.mechanism = mechanism;
    this.accepted = accepted;
  }

  static knows(mechanism: string): boolean {
    return mechanism === 'PLAIN' || mechanism === 'LOGIN';
  }

  /** `initial`: what followed the mechanism's name; null where nothing did. */
  begin(initial: string | null): AuthStep {
    if (initial === null) return { kind: 'challenge', text: this.mechanism === 'PLAIN' ? '' : USER_CHALLENGE };
    return this.answer(initial === '=' ? '' : initial);
  }

  answer(line: string): AuthStep {
    if (!BASE64.test(line)) return { kind: 'malformed' };
    const text = Buffer.from(line, 'base64').toString('utf8');
    if (this.mechanism === 'PLAIN') {
      const [, givenUser, givenPass, ...more] = text.split('\0');
      return { kind: 'done', accepted: more.length === 0 && this.accepts(givenUser, givenPass) };
    }
    if (this.user === null) {
      this.user = text;
      return { kind: 'challenge', text: PASSWORD_CHALLENGE };
    }
    return { kind: 'done', accepted: this.accepts(this.user, text) };
  }

  private accepts(givenUser: string | undefined, givenPass: string | undefined): boolean {
    return this.accepted.some(({ user, pass }) => user === givenUser && pass === givenPass);
  }
}
