/** One header field: the name in lower case, the value unfolded, with encoded words decoded. */
export interface MailHeader {
  readonly name: string;
  readonly value: string;
}

/** A part that is not the text of the mail: a report's fields, the mail that is reported about, an attachment. */
export interface MailPart {
  /** Lower case, without parameters. */
  readonly type: string;
  readonly text: string;
}

/** A mail that came back, taken apart and decoded; as much of it as is looked at. */
export interface Mail {
  readonly headers: readonly MailHeader[];
  /** Its plain text; what its HTML says where there is no plain text. */
  readonly text: string;
  readonly parts: readonly MailPart[];
}

/** The first field of that name (lower case); '' where there is none. */
export const headerOf = (headers: readonly MailHeader[], name: string): string =>
  headers.find((header) => header.name === name)?.value ?? '';

export const headersOf = (headers: readonly MailHeader[], name: string): readonly string[] =>
  headers.filter((header) => header.name === name).map(({ value }) => value);

export const hasHeader = (headers: readonly MailHeader[], name: string): boolean =>
  headers.some((header) => header.name === name);

const FIELD = /^([!-9;-~]{1,80})[ \t]*:[ \t]*(.*)$/s;
/** Fields that are read from one block. */
const FIELDS_MAX = 500;

/** Reads lines of `Name: value` up to the first empty line; what is no field is passed over. */
export function readFields(block: string): MailHeader[] {
  const fields: { name: string; value: string }[] = [];
  for (const line of block.replace(/\r\n?/g, '\n').split('\n')) {
    if (line.trim() === '' && fields.length > 0) break;
    const last = fields.at(-1);
    if (/^[ \t]/.test(line) && last) {
      last.value += ` ${line.trim()}`;
      continue;
    }
    const found = FIELD.exec(line);
    if (found) fields.push({ name: (found[1] as string).toLowerCase(), value: (found[2] as string).trim() });
    if (fields.length >= FIELDS_MAX) break;
  }
  return fields;
}

/** Reads every block of fields of a report, blocks being set apart by empty lines. */
export function readFieldBlocks(text: string, blocksMax: number): MailHeader[][] {
  const blocks: MailHeader[][] = [];
  for (const block of text.replace(/\r\n?/g, '\n').split(/\n[ \t]*\n/)) {
    const fields = readFields(block.replace(/^\n+/, ''));
    if (fields.length > 0) blocks.push(fields);
    if (blocks.length >= blocksMax) break;
  }
  return blocks;
}
