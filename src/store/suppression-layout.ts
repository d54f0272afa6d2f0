import type { EmailTypeSymbol, SignalKind, SuppressionSeverity } from '../contracts/generated.ts';

/** In the order of the schema: `test/unit/store/packed-suppression.test.ts` holds them against it. */
export const SEVERITIES: readonly SuppressionSeverity[] = [
  'unknown',
  'manual',
  'complaint',
  'hard_bounce',
  'unsubscribe',
  'soft_bounces',
];
export const TYPES: readonly EmailTypeSymbol[] = ['unknown', 'transactional', 'notification', 'marketing'];
export const KINDS: readonly SignalKind[] = [
  'unknown',
  'sent_counted',
  'delivered',
  'bounced',
  'deferred',
  'complained',
  'unsubscribed',
  'suppression_added',
  'suppression_removed',
  'erased',
  'ticked',
];

/** 1 January 2020: what times count from. */
export const TIME_ZERO = 1_577_836_800_000;

/** First byte of a row: its severity in three bits, and these. */
export const ACTIVE = 0x08;
export const HAS_UNTIL = 0x10;
export const HAS_TENANT = 0x20;
export const HAS_TYPE = 0x40;

/** First byte of a piece of evidence: its kind in four bits, its severity in three, and this. */
export const BINDS = 0x80;
/** The second byte of it. */
export const AT_SINCE = 0x01;
export const HAS_CLASS = 0x02;
export const HAS_RULE_VERSION = 0x04;
export const EVIDENCE_UNTIL = 0x08;
export const EVIDENCE_TENANT = 0x10;
export const EVIDENCE_TYPE = 0x20;
export const HAS_WHO = 0x40;
export const HAS_WHY = 0x80;

/** How what comes behind the last separator of an event's id is written. */
export const AS_TEXT = 0;
export const AS_DIGITS = 1;
export const AS_UUID = 2;
export const AS_HEX = 3;
