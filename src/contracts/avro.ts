/** The part of Avro's schema language that schemas/ is written in (Avro 1.11 specification, "Schema Declaration"). */
export type Avro = string | readonly Avro[] | AvroRecord | AvroEnum | AvroArray | AvroLogical;

export interface AvroField {
  readonly name: string;
  readonly type: Avro;
  readonly doc?: string;
  readonly default?: unknown;
}

export interface AvroRecord {
  readonly type: 'record';
  readonly name: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields: readonly AvroField[];
}

export interface AvroEnum {
  readonly type: 'enum';
  readonly name: string;
  readonly doc?: string;
  readonly symbols: readonly string[];
  readonly default?: string;
}

export interface AvroArray {
  readonly type: 'array';
  readonly items: Avro;
}

export interface AvroLogical {
  readonly type: 'long';
  readonly logicalType: 'timestamp-millis';
}

/** A named type: what may be declared once in a schema and then be referred to by its name. */
export type AvroNamed = AvroRecord | AvroEnum;

export const isNamed = (type: Avro): type is AvroNamed =>
  typeof type === 'object' &&
  !Array.isArray(type) &&
  ((type as AvroNamed).type === 'record' || (type as AvroNamed).type === 'enum');

/** The types directly inside a type, in the order of declaration. */
export function inner(type: Avro): readonly Avro[] {
  if (typeof type === 'string') return [];
  if (isUnion(type)) return type;
  if (type.type === 'record') return type.fields.map((field) => field.type);
  if (type.type === 'array') return [type.items];
  return [];
}

export const isUnion = (type: Avro): type is readonly Avro[] => Array.isArray(type);

/** Every named type that is declared in a schema, inner ones first, so that what is used comes before its user. */
export function namedTypes(type: Avro): readonly AvroNamed[] {
  const found = inner(type).flatMap(namedTypes);
  return isNamed(type) ? [...found, type] : found;
}
