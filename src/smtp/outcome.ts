import { type DeliveryOutcome, type FailureReason, readReply, type SmtpStage } from '../domain/reply.ts';
import type { RawReply } from './reply-reader.ts';

export type Accepted = Extract<DeliveryOutcome, { kind: 'accepted' }>;
export type Refused = Extract<DeliveryOutcome, { kind: 'refused' }>;
export type Failed = Extract<DeliveryOutcome, { kind: 'failed' }>;

/** A failure; only what happens while the reply to the final dot is awaited leaves it open whether the mail was taken. */
export const failed = (stage: SmtpStage, reason: FailureReason, detail: string | null = null): Failed => ({
  kind: 'failed',
  stage,
  reason,
  afterDot: stage === 'dot',
  detail,
});

/** A reply that says no; anything that is neither 4xx nor 5xx here makes no sense to us. */
export const refusedBy = (stage: SmtpStage, raw: RawReply): Refused | Failed =>
  raw.code >= 400
    ? { kind: 'refused', stage, reply: readReply(raw.code, raw.lines) }
    : failed(stage, 'garbage', `reply ${raw.code}`);

export const acceptedBy = (raw: RawReply): Accepted => ({ kind: 'accepted', reply: readReply(raw.code, raw.lines) });

export const isPositive = (raw: RawReply): boolean => raw.code >= 200 && raw.code < 300;
