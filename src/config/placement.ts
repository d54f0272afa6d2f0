import { EMAIL_TYPES } from '../domain/policy.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../domain/time.ts';
import {
  decimal,
  duration,
  type Field,
  flag,
  integer,
  list,
  named,
  oneOf,
  optional,
  record,
  text,
  type ValueOf,
  wordOr,
} from './fields.ts';
import type { Config, PlacementConfig } from './types.ts';

const address = text({ pattern: /^[^@\s<>]{1,64}@[^@\s<>]{1,253}$/, what: 'an address' });
const host = text({ pattern: /^[A-Za-z0-9:](?:[A-Za-z0-9.:-]{0,253})$/, what: 'a host name or address' });
const ratio = (fallback: number) => decimal({ min: 0, max: 1, default: fallback });

/** What may stand in the `placement` block. `reference` reads the name of a secret. */
export const placementShape = (reference: Field<string>) =>
  record({
    seeds: named(
      record({
        address,
        host,
        port: integer({ min: 1, max: 65_535, default: 993 }),
        tls: oneOf(['implicit', 'starttls', 'none'], { default: 'implicit' }),
        tls_verify: flag({ default: true }),
        user: reference,
        password: reference,
        spam: optional(text()),
        tabs: list(text(), { max: 20 }),
      }),
      { max: 200 },
    ),
    interval: wordOr(['off'], duration({ min: SECOND_MS, max: 7 * DAY_MS, default: 6 * HOUR_MS })),
    poll: duration({ min: SECOND_MS, max: HOUR_MS, default: MINUTE_MS }),
    deadline: duration({ min: SECOND_MS, max: DAY_MS, default: 30 * MINUTE_MS }),
    probe: record({
      type: oneOf(EMAIL_TYPES, { default: 'marketing' }),
      from: optional(text()),
      subject: text({ default: 'Your weekly summary' }),
      text: text({ default: 'This mail shows where mail of ours arrives. Nothing has to be done.' }),
      html: optional(text()),
    }),
    window: duration({ min: MINUTE_MS, max: 30 * DAY_MS, default: DAY_MS }),
    min_probes: integer({ min: 1, max: 1_000, default: 4 }),
    alert_below: ratio(0.5),
    alert_fall: ratio(0.25),
  });

export function placementOf(read: ValueOf<ReturnType<typeof placementShape>>): PlacementConfig {
  const { from, ...message } = read.probe;
  return {
    seeds: [...read.seeds].map(([name, { tls_verify: tlsVerify, ...seed }]) => ({ name, ...seed, tlsVerify })),
    intervalMs: read.interval === 'off' ? null : read.interval,
    pollMs: read.poll,
    deadlineMs: read.deadline,
    probe: from === null ? null : { ...message, from },
    windowMs: read.window,
    probesMin: read.min_probes,
    alertBelow: read.alert_below,
    alertFall: read.alert_fall,
  };
}

/** A password crosses no network in the clear. */
export function checkPlacement({ placement }: Config, tell: (path: string, message: string) => void): void {
  for (const { name, tls, host: at } of placement.seeds) {
    if (tls === 'none' && !/^127\.|^::1$|^localhost$/.test(at)) {
      tell(`placement.seeds.${name}.tls`, 'is none: a password would cross the network in the clear');
    }
  }
}
