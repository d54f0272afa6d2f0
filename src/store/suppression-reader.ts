import type { Evidence, Suppression } from '../contracts/generated.ts';
import { UUID_LENGTH } from './id-forms.ts';
import type { RepeatedStrings } from './repeated-strings.ts';
import { PackedReader } from './row-packing.ts';
import {
  ACTIVE,
  AS_DIGITS,
  AS_HEX,
  AS_UUID,
  AT_SINCE,
  BINDS,
  EVIDENCE_TENANT,
  EVIDENCE_TYPE,
  EVIDENCE_UNTIL,
  HAS_CLASS,
  HAS_RULE_VERSION,
  HAS_TENANT,
  HAS_TYPE,
  HAS_UNTIL,
  HAS_WHO,
  HAS_WHY,
  KINDS,
  SEVERITIES,
  TIME_ZERO,
  TYPES,
} from './suppression-layout.ts';

/** Reads what `SuppressionPacking` wrote. */
export class SuppressionReader {
  private readonly reader = new PackedReader();
  private strings: RepeatedStrings | null = null;

  /** Throws a RangeError where the bytes are no packed suppression. */
  read(key: string, bytes: Buffer, from: number, strings: RepeatedStrings): Suppression {
    const { reader } = this;
    reader.begin(bytes, from);
    this.strings = strings;
    const head = reader.byte();
    const prefix = reader.number();
    const subject = prefix === 0 ? reader.text(reader.number()) : key.slice(prefix - 1);
    const since = reader.signed() + TIME_ZERO;
    const until = head & HAS_UNTIL ? since + reader.signed() : null;
    const tenant = head & HAS_TENANT ? this.string() : null;
    const type = head & HAS_TYPE ? symbol(TYPES, reader.byte()) : null;
    const count = reader.number();
    const evidence: Evidence[] = [];
    for (let n = 0; n < count; n++) evidence.push(this.unpackEvidence(since));
    const severity = symbol(SEVERITIES, head & 0x07);
    return { subject, active: (head & ACTIVE) !== 0, severity, since, until, tenant, type, evidence };
  }

  private unpackEvidence(since: number): Evidence {
    const { reader } = this;
    const head = reader.byte();
    const has = reader.byte();
    const eventId = this.eventId();
    const at = has & AT_SINCE ? since : since + reader.signed();
    const found = has & HAS_CLASS ? this.string() : null;
    const ruleVersion = has & HAS_RULE_VERSION ? this.string() : null;
    const until = has & EVIDENCE_UNTIL ? at + reader.signed() : null;
    const tenant = has & EVIDENCE_TENANT ? this.string() : null;
    const type = has & EVIDENCE_TYPE ? symbol(TYPES, reader.byte()) : null;
    const who = has & HAS_WHO ? this.string() : null;
    const why = has & HAS_WHY ? this.string() : null;
    const severity = symbol(SEVERITIES, (head >> 4) & 0x07);
    const kind = symbol(KINDS, head & 0x0f);
    const binds = (head & BINDS) !== 0;
    return { eventId, kind, at, class: found, ruleVersion, severity, binds, until, tenant, type, who, why };
  }

  private eventId(): string {
    const { reader } = this;
    const shared = this.string();
    const number = reader.number();
    const value = Math.floor(number / 4);
    switch (number % 4) {
      case AS_DIGITS:
        return shared + value;
      case AS_UUID: {
        const hex = reader.text(UUID_LENGTH / 2 - 2, 'hex');
        const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
        return shared + parts.join('-');
      }
      case AS_HEX:
        return shared + reader.text(value, 'hex');
      default:
        return shared + reader.text(value);
    }
  }

  private string(): string {
    const number = this.reader.number();
    if (number % 2 === 1) return this.reader.text((number - 1) / 2);
    const text = this.strings?.textOf(number / 2);
    if (text === undefined) throw new RangeError('a packed row names a string that is not there');
    return text;
  }
}

function symbol<S>(symbols: readonly S[], index: number): S {
  const found = symbols[index];
  if (found === undefined) throw new RangeError('a packed row names a symbol that is not there');
  return found;
}
