/**
 * The Confluent wire format: a zero byte, the schema's id as a big-endian 32-bit number, and the Avro encoding.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
export const HEADER_BYTES = 5;
const MAGIC = 0;

/** The schema id of a value; null where the bytes are not in the wire format. */
export function schemaIdOf(value: Buffer): number | null {
  return value.length >= HEADER_BYTES && value[0] === MAGIC ? value.readUInt32BE(1) : null;
}

export function writeHeader(target: Buffer, id: number): void {
  target[0] = MAGIC;
  target.writeUInt32BE(id, 1);
}
