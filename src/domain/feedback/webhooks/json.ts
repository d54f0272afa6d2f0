/** A JSON value of strangers, looked into one step at a time: what is not there, or is of another type, is nothing. */
export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const own = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

export const objectIn = (value: unknown, name: string): JsonObject => {
  const found = own(value, name);
  return isObject(found) ? found : {};
};

export const listIn = (value: unknown, name: string): readonly unknown[] => {
  const found = own(value, name);
  return Array.isArray(found) ? found : [];
};

/** Longest text of an event that is looked at. */
const TEXT_LENGTH_MAX = 4_096;

/** A text or a number, as text; '' where it is neither. */
export const textIn = (value: unknown, ...names: readonly string[]): string => {
  for (const name of names) {
    const found = own(value, name);
    if (typeof found === 'string' && found !== '') return found.slice(0, TEXT_LENGTH_MAX);
    if (typeof found === 'number' && Number.isFinite(found)) return String(found);
  }
  return '';
};

/** JSON of a body, or undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}
