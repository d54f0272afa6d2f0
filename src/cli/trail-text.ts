import type { Millis } from '../domain/time.ts';
import { hasEnded, type Trail, type TrailEvent, waitingOf } from '../domain/trail.ts';
import { visible } from './visible.ts';

const timeOf = (at: Millis): string => new Date(at).toISOString();

/** A trail for people: what it is, what happened, and what it waits for. */
export function trailText(trail: Trail, now: Millis): string {
  const lines = [
    `${trail.id}: ${trail.state}`,
    `  to        ${trail.recipient}`,
    `  type      ${trail.type}${trail.tenant === 'default' ? '' : `, tenant ${trail.tenant}`}`,
    ...(trail.campaign === null ? [] : [`  campaign  ${trail.campaign}`]),
    ...(trail.tags.length === 0 ? [] : [`  tags      ${trail.tags.join(', ')}`]),
    `  accepted  ${trail.acceptedAt === null ? 'longer ago than the log holds' : timeOf(trail.acceptedAt)}`,
    ...trail.events.map((event) => `  ${event.kind.padEnd(9)} ${eventText(event)}`),
    ...(trail.eventsLeftOut > 0 ? [`  (${trail.eventsLeftOut} events in between are left out)`] : []),
  ];
  const waiting = waitingText(trail, now);
  if (waiting !== null) lines.push(`  waits     ${waiting}`);
  return `${lines.map(visible).join('\n')}\n`;
}

function eventText(event: TrailEvent): string {
  const { at, attempt, ending, annotation, source, site, reason, uncertain, until } = event;
  const reply = replyOf(event);
  const facts = [
    ending ?? annotation ?? null,
    attempt > 0 ? `attempt ${attempt}` : null,
    source === null ? null : `from ${source}`,
    site === null ? null : `to ${site}`,
    reply === '' ? null : reply,
    event.class === null ? null : `class ${event.class}`,
    reason === null ? null : `because ${reason}`,
    uncertain ? 'a copy may have gone out before' : null,
    until === null ? null : `not again before ${timeOf(until)}`,
  ];
  return `${timeOf(at)} ${facts.filter((fact) => fact !== null).join(', ')}`;
}

const replyOf = ({ smtpCode, enhancedCode, reply }: TrailEvent): string =>
  [smtpCode, enhancedCode, reply].filter((part) => part !== null).join(' ');

function waitingText(trail: Trail, now: Millis): string | null {
  const waiting = waitingOf(trail, now);
  if (waiting === null) return null;
  const until = waiting.until === null ? '' : ` until ${timeOf(waiting.until)}`;
  switch (waiting.for) {
    case 'send-at':
      return `for its sendAt,${until}`;
    case 'retry':
      return `for its next attempt,${until}; the last said: ${waiting.why ?? 'nothing'}`;
    case 'turn':
      return 'to be routed, or for its turn in its lane: a limit, an open circuit or a backlog holds it';
  }
}

/** Why a mail is where it is, in a sentence or two. */
export function whyText(trail: Trail, cancellation: string | null, now: Millis): string {
  const end = trail.events.find(({ kind }) => kind === 'ending');
  const lines: string[] = [];
  if (!hasEnded(trail)) lines.push(`it has not ended; it waits ${waitingText(trail, now)}`);
  else if (end === undefined) lines.push(`it ended: ${trail.state}`);
  else {
    const because = [replyOf(end), end.class === null ? '' : `class ${end.class}`, end.reason ?? ''];
    const told = because.filter((part) => part !== '').join('; ');
    lines.push(`it ended ${trail.state} at ${timeOf(end.at)}${told === '' ? '' : `: ${told}`}`);
  }
  for (const event of trail.events) {
    if (event.kind === 'annotation') lines.push(`later news at ${timeOf(event.at)}: ${event.annotation}`);
    if (event.uncertain && event.kind === 'attempt') lines.push('a crash left it in doubt whether a copy went out');
  }
  if (cancellation !== null) lines.push(cancellation);
  return `${lines.map((line) => visible(`${trail.id}: ${line}`)).join('\n')}\n`;
}
