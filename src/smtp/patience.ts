import type { SmtpStage } from '../domain/reply.ts';
import { MINUTE_MS, SECOND_MS } from '../domain/time.ts';

/** How long each stage may last, in milliseconds, whole and not per packet: a server that drips bytes gains nothing. */
export type Patience = Readonly<Record<SmtpStage, number>> & {
  /** Every stage of one attempt together: the watchdog. */
  readonly attempt: number;
  /** Until a server has noticed that a connection was cut: nothing says when it has. */
  readonly notice: number;
  /** Until what was aborted has settled, and what was quit is gone, when everything ends. */
  readonly stop: number;
};

/**
 * RFC 5321 section 4.5.3.2, where it says something. The ten minutes after the final dot are the ones that matter: who gives up
 * earlier sends a second copy of what the server had taken.
 */
const PATIENCE: Patience = {
  connect: 30 * SECOND_MS,
  greeting: 5 * MINUTE_MS,
  ehlo: 5 * MINUTE_MS,
  tls: MINUTE_MS,
  auth: 2 * MINUTE_MS,
  mail: 5 * MINUTE_MS,
  rcpt: 5 * MINUTE_MS,
  data: 2 * MINUTE_MS,
  body: 3 * MINUTE_MS, // per block of the message
  dot: 10 * MINUTE_MS,
  quit: MINUTE_MS, // until it has closed: it counts the connection for as long
  attempt: 45 * MINUTE_MS,
  notice: SECOND_MS,
  stop: 5 * SECOND_MS,
};

/** `notice` is the other side's time, network and scheduling included, which no impatience of ours makes shorter. */
const NOTICE_MS_MIN = 200;

/** Every time-out multiplied by one factor; tests shrink it. None is less than a millisecond, and `notice` less than its least. */
export function patienceOf(factor: number): Patience {
  const scaled = Object.entries(PATIENCE).map(([stage, ms]) => [stage, Math.max(1, Math.round(ms * factor))]);
  const patience = Object.fromEntries(scaled) as Patience;
  return { ...patience, notice: Math.max(NOTICE_MS_MIN, patience.notice) };
}
