import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { JsonSchema } from './route.ts';

/** Where a value does not fit its schema. */
export interface FieldFault {
  /** JSON pointer (RFC 6901); '' is the whole. */
  readonly field: string;
  readonly detail: string;
}

export type Validate = (value: unknown) => FieldFault | null;

const POINTER_LENGTH_MAX = 256;

/** Compiles schemas. Values are judged as they are: nothing is converted, dropped or filled in. */
export class Validation {
  private readonly strict: Ajv2020;
  /** For queries and headers, which are text whatever they stand for. */
  private readonly lenient: Ajv2020;

  constructor(shared: readonly JsonSchema[] = []) {
    this.strict = ajv(false);
    this.lenient = ajv(true);
    for (const schema of shared) {
      this.strict.addSchema(schema);
      this.lenient.addSchema(schema);
    }
  }

  body(schema: JsonSchema): Validate {
    return faultOf(this.strict.compile(schema));
  }

  /** Changes the values of what it is given from text to what the schema says. */
  text(schema: JsonSchema): Validate {
    return faultOf(this.lenient.compile(schema));
  }
}

const ajv = (coerceTypes: boolean): Ajv2020 => {
  const made = new Ajv2020({
    // The first fault is told: collecting all of them would let a caller choose how long that takes.
    allErrors: false,
    coerceTypes,
    useDefaults: false,
    removeAdditional: false,
    strict: true,
    allowUnionTypes: true,
    // Of what may be one of several things the fault of the last one would be told.
    verbose: false,
  });
  formats.default(made, ['date-time', 'date', 'email', 'uri']);
  // Says nothing about values.
  made.addVocabulary(['example']);
  return made;
};

const faultOf =
  (validate: ValidateFunction): Validate =>
  (value) =>
    validate(value) ? null : told((validate.errors ?? []) as readonly ErrorObject[]);

/** The fault that a person would name: the deepest one, since outer ones only say that something inside does not fit. */
function told(errors: readonly ErrorObject[]): FieldFault {
  const error = errors.reduce<ErrorObject | undefined>(
    (deepest, each) =>
      deepest === undefined || each.instancePath.length > deepest.instancePath.length ? each : deepest,
    undefined,
  );
  if (error === undefined) return { field: '', detail: 'does not fit the schema' };
  const { keyword, instancePath, params } = error;
  if (keyword === 'required') {
    return fault(`${instancePath}/${escaped(String(params.missingProperty))}`, 'is missing');
  }
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const name = String(params.additionalProperty ?? params.unevaluatedProperty);
    return fault(`${instancePath}/${escaped(name)}`, 'is not a field that exists here');
  }
  if (keyword === 'enum')
    return fault(instancePath, `must be one of ${(params.allowedValues as unknown[]).join(', ')}`);
  return fault(instancePath, error.message ?? 'does not fit the schema');
}

const fault = (field: string, detail: string): FieldFault => ({ field: field.slice(0, POINTER_LENGTH_MAX), detail });

/** A name as part of a JSON pointer. */
export const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
