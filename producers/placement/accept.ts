import type { DeliveryResult, Placement } from '../../src/contracts/generated.ts';
import { topics } from '../../src/contracts/topic.ts';
import { completeJob } from '../../src/domain/job-input.ts';
import { type Look, PROBE_HEADER, seedKey } from '../../src/domain/placement.ts';
import type { EmailType, Provider } from '../../src/domain/policy.ts';
import { annotated } from '../../src/domain/results.ts';
import type { Millis } from '../../src/domain/time.ts';
import { emit, type Output } from '../../src/runtime/processor.ts';

/** What a probe says, and where it is from. */
export interface ProbeMessage {
  readonly type: EmailType;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
}

export interface Probe {
  readonly seed: string;
  readonly address: string;
  readonly provider: Provider;
  readonly message: ProbeMessage;
  readonly campaign: string | null;
}

/** One probe: the row that says to look for it, and then its job, which goes the way of every other. */
export function probeOutputs(
  probe: Probe,
  now: Millis,
): { readonly row: Placement; readonly outputs: readonly Output[] } {
  const { seed, address, provider, message, campaign } = probe;
  const { type, from, subject, text, html } = message;
  const id = `placement-${seed}-${now}`;
  const row: Placement = {
    id,
    seed,
    provider,
    recipient: address,
    type,
    campaign,
    place: 'waiting',
    folder: null,
    delayMs: null,
    at: now,
  };
  const headers = [{ name: PROBE_HEADER, value: id }];
  const payload = { from, subject, text, html, headers };
  const input = { id, type, recipient: address, payload, campaign, tags: ['placement'] };
  const job = completeJob(input, () => id);
  return { row, outputs: [emit(topics.placements, id, row), emit(topics.ingest(type), id, job)] };
}

/** When probes of the schedule are due again. */
export function nextProbesAt(rows: readonly Placement[], intervalMs: number | null): Millis {
  if (intervalMs === null) return Number.POSITIVE_INFINITY;
  const sent = rows.filter(({ id, campaign }) => !id.startsWith('seed:') && campaign === null).map(({ at }) => at);
  return sent.length === 0 ? 0 : Math.max(...sent) + intervalMs;
}

/** The annotation of a probe that was seen. */
export function placedOutput(row: Placement, now: Millis): Output<DeliveryResult> {
  const type = row.type as EmailType;
  const { id, recipient, campaign, place, folder } = row;
  const subject = { id, tenant: 'default', type, recipient, campaign, tags: ['placement'], metadata: [] };
  return emit(topics.results(type), id, annotated(subject, 'placed', now, { class: place, reason: folder }));
}

/** The row about a mailbox after a look. */
export function mailboxRow(
  seed: { readonly name: string; readonly address: string },
  look: Look,
  now: Millis,
): Placement {
  const isSeen = look.kind === 'seen';
  return {
    id: seedKey(seed.name),
    seed: seed.name,
    provider: '',
    recipient: seed.address,
    type: '',
    campaign: null,
    place: isSeen ? 'reachable' : 'unreachable',
    folder: isSeen ? null : `${look.problem}: ${look.detail}`,
    delayMs: null,
    at: now,
  };
}
