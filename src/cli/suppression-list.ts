import { foldAddress, parseMailbox } from '../domain/address.ts';
import { isEmailType } from '../domain/job.ts';
import type { EmailType } from '../domain/policy.ts';

/** Columns that hold the address in the exports of the big providers, in the order in which they are looked for. */
const ADDRESS_COLUMNS = ['email', 'emailaddress', 'email address', 'address', 'recipient'] as const;
/** Columns that say why. */
const REASON_COLUMNS = ['reason', 'suppressionreason', 'error', 'type', 'status', 'source'] as const;

export interface ImportedAddress {
  /** Folded to lower case. */
  readonly address: string;
  readonly reason: string | null;
  /** Whom an export of ours says that the row binds; null: all. */
  readonly tenant: string | null;
  readonly type: EmailType | null;
}

export interface ImportedList {
  readonly addresses: readonly ImportedAddress[];
  /** Lines without an address, or for mail of a type that there is not, counted from 1. */
  readonly refused: readonly number[];
}

/**
 * Reads addresses from CSV as Amazon SES, SendGrid, Mailgun, Postmark and we export it, or from one address per line.
 * Fields may be quoted (RFC 4180). What is no address is told by its line.
 */
export function readSuppressionList(text: string): ImportedList {
  const rows = csvRows(text);
  const names = (rows[0]?.fields ?? []).map((name) => name.trim().toLowerCase());
  const column = ADDRESS_COLUMNS.map((name) => names.indexOf(name)).find((index) => index >= 0);
  const reason = REASON_COLUMNS.map((name) => names.indexOf(name)).find((index) => index >= 0);
  // Other exports have such columns too, and mean something else by them.
  const isOurs = names.includes('severity') && names.includes('tenant');
  const scope = (fields: readonly string[], name: string) => (isOurs ? textIn(fields[names.indexOf(name)]) : null);
  const addresses: ImportedAddress[] = [];
  const refused: number[] = [];
  for (const { fields, line } of column === undefined ? rows : rows.slice(1)) {
    if (fields.every((field) => field.trim() === '')) continue;
    const mailbox = parseMailbox((fields[column ?? 0] ?? '').trim());
    const type = scope(fields, 'type');
    if (!mailbox.ok || (type !== null && !isEmailType(type))) refused.push(line);
    else
      addresses.push({
        address: foldAddress(mailbox.value),
        reason: textIn(reason === undefined ? '' : fields[reason]),
        tenant: scope(fields, 'tenant'),
        type,
      });
  }
  return { addresses, refused };
}

const textIn = (field: string | undefined): string | null => field?.trim() || null;

interface CsvRow {
  readonly fields: readonly string[];
  readonly line: number;
}

function csvRows(text: string): readonly CsvRow[] {
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let field = '';
  let isQuoted = false;
  let line = 1;
  let startedAt = 1;
  const source = text.replace(/^\uFEFF/, '');
  const endRow = () => {
    rows.push({ fields: [...fields, field], line: startedAt });
    fields = [];
    field = '';
    startedAt = line + 1;
  };
  for (let at = 0; at < source.length; at++) {
    const letter = source[at];
    if (isQuoted) {
      if (letter === '"' && source[at + 1] === '"') field += source[++at];
      else if (letter === '"') isQuoted = false;
      else field += letter;
    } else if (letter === '"' && field === '') isQuoted = true;
    else if (letter === ',') {
      fields.push(field);
      field = '';
    } else if (letter === '\n') endRow();
    else if (letter !== '\r') field += letter;
    if (letter === '\n') line++;
  }
  if (field !== '' || fields.length > 0) endRow();
  return rows;
}

/** One field of CSV. A leading sign would be a formula to a spreadsheet, and is kept from being one. */
export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
