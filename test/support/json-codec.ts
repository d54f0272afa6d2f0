import type { Codec, Decoded } from '../../src/runtime/codec.ts';

/** A codec for runtime tests that need no schemas: JSON, and anything else is malformed. */
export const jsonCodec: Codec = {
  async prepare() {},
  decode<V>(_topic: unknown, value: Buffer | null): Decoded<V> {
    if (value === null) return { ok: false, reason: 'null-value', detail: '' };
    try {
      return { ok: true, value: JSON.parse(value.toString('utf8'), revive) as V };
    } catch (error) {
      return { ok: false, reason: 'malformed', detail: String(error) };
    }
  },
  encode: (_topic, value) => Buffer.from(JSON.stringify(value)),
};

/** Bytes come back as bytes. */
const revive = (_: string, value: unknown): unknown => {
  const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown };
  return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data) : value;
};

export const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
