import { type Mailbox, parseMailbox } from '../../../src/domain/address.ts';
import type { SiteLimits, Source } from '../../../src/domain/policy.ts';
import { Secret } from '../../../src/secrets/secret.ts';
import { type CourierOptions, createCourier } from '../../../src/smtp/courier.ts';
import type { Directory } from '../../../src/smtp/direct.ts';
import type { Credentials, OutgoingMail } from '../../../src/smtp/mail.ts';

export const mailbox = (address: string): Mailbox => {
  const parsed = parseMailbox(address);
  if (!parsed.ok) throw new Error(`${address}: ${parsed.fault}`);
  return parsed.value;
};

export const limits: SiteLimits = { connectionsMax: 10, messagesPerConnectionMax: 100, ratePerMinute: null };

export const sourceAt = (port: number, rest: Partial<Source> = {}): Source => ({
  name: 'relay',
  mode: 'relay',
  host: '127.0.0.1',
  port,
  tls: 'none',
  tlsVerify: true,
  user: null,
  password: null,
  localAddress: null,
  helo: 'client.example',
  connectionsMax: 10,
  messagesPerConnectionMax: 100,
  region: null,
  isAway: false,
  ...rest,
});

export const mailOf = (rest: Partial<OutgoingMail> & { readonly text?: string } = {}): OutgoingMail => ({
  from: mailbox('b+token@bounce.shop.example'),
  to: mailbox('user@google.test'),
  message: Buffer.from(rest.text ?? 'Subject: hello\r\n\r\n.a line with a dot\r\n'),
  smtputf8: false,
  eightBit: false,
  ...rest,
});

/** A log-in as the secrets port gives it. */
export const credentialsOf = ({ user, pass }: { readonly user: string; readonly pass: string }): Credentials => ({
  user: Secret.of(user),
  pass: Secret.of(pass),
});

/** Every domain's mail goes to these hosts. An address is where it says; a name is nowhere. */
export const directoryOf = (...hosts: readonly string[]): Directory => ({
  exchange: async () => ({ group: hosts.join('|'), hosts, tls: 'opportunistic' }),
  addresses: async (host) => (/^[0-9.]+$/.test(host) ? [host] : { reason: 'no-address', detail: null }),
});

/** A mail that can be told from others. */
export const named = (name: string) => mailOf({ text: `Subject: ${name}\r\n\r\n` });

/** With it the ten minutes of patience after the dot are three seconds. */
export const IMPATIENT = 0.005;

/** A courier with the patience of production: only tests of time-outs change that, so that a busy machine fails no other. */
export const courierWith = (options: Partial<CourierOptions> = {}) =>
  createCourier({
    credentials: async () => null,
    circuit: { failures: 5, resetMs: 60_000 },
    patienceFactor: 1,
    idleMs: 10_000,
    now: Date.now,
    ...options,
  });

/** Waits for a condition; fails after `withinMs`. */
export async function eventually(condition: () => boolean, withinMs = 5_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What an outcome must look like. */
export const failure = (stage: string, reason: string, afterDot = false) => ({
  kind: 'failed',
  stage,
  reason,
  afterDot,
});
export const refusal = (stage: string, code: number) => ({ kind: 'refused', stage, reply: { code } });
