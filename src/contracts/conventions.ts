import type { Avro, AvroEnum, AvroField, AvroNamed, AvroRecord } from './avro.ts';
import { inner, isUnion, namedTypes } from './avro.ts';

/** Namespace of every schema: part of the full name that readers of other languages resolve by. */
export const NAMESPACE = 'postlane';

/**
 * The fields that a writer must set, for ever: under FULL_TRANSITIVE compatibility a field without a default can
 * neither be added to nor removed from a schema that is in use. All others need a default.
 */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  EmailJob: ['id', 'type', 'recipient'],
  NameValue: ['name', 'value'],
  Attachment: ['filename', 'content'],
  DeliveryResult: ['jobId', 'recipient', 'kind', 'at'],
  RouterSeen: ['at', 'hashes'],
  Cancellation: ['jobId', 'at'],
  ApiKey: ['keyId', 'at'],
  ApiKeySecret: ['hash'],
  DkimKeys: ['domain', 'at'],
  DkimKeyRow: ['selector', 'algorithm', 'privateKey', 'record', 'at'],
  SenderCheck: ['subject', 'at'],
  SenderFinding: ['code', 'severity', 'about', 'what'],
  ShownKey: ['selector', 'record', 'since'],
  Placement: ['id', 'seed', 'at'],
  WebhookEndpoint: ['endpointId', 'url', 'at'],
  WebhookSecret: ['sealed'],
  WebhookReplay: ['replayId', 'since', 'until', 'at'],
  WebhookProgress: ['endpointId', 'at'],
  WebhookCursor: ['type', 'partition', 'offset'],
  WebhookWaiting: ['type', 'partition', 'offset', 'since', 'until'],
  WebhookReplayProgress: ['replayId'],
  WebhookPause: ['reason', 'at'],
  WebhookAttempt: ['eventId', 'at'],
  Feedback: ['route', 'format', 'at', 'body'],
  FeedbackEvent: ['eventId', 'at', 'kind'],
  ReputationSignal: ['eventId', 'subject', 'kind', 'at'],
  Suppression: ['subject', 'since'],
  Evidence: ['eventId', 'at'],
  Score: ['subject', 'at'],
  ScoreChange: ['at'],
  Allowance: ['subject', 'at'],
  WarmUpDay: ['day'],
  WarmUp: ['day'],
  Bucket: ['minute'],
  OpenBucket: ['minute'],
  ReputationState: ['subject', 'at'],
  ReputationEditions: ['name', 'at'],
  AddressKey: ['keyId', 'at'],
  DomainSite: ['domain', 'at'],
  Template: ['templateId', 'version', 'at'],
  DeadLetter: ['topic', 'partition', 'offset', 'reason', 'at'],
};

/**
 * What a reader sees in place of a symbol that is newer than itself is `unknown`, which no writer writes; but for these
 * enums it is a symbol that is right for everyone.
 */
const NEUTRAL_SYMBOLS: Readonly<Record<string, string>> = { PrioritySymbol: 'normal' };

const PRIMITIVES = new Set(['null', 'boolean', 'int', 'long', 'double', 'bytes', 'string']);

/** Names that mean something to JavaScript objects, so that no decoder may be made to write them. */
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/** A field that holds a point in time is called one of these, and nothing else is. */
const TIME_NAMES = new Set(['at', 'since', 'until', 'sendAt', 'expiresAt']);

/**
 * Checks the conventions of schemas/ (DESIGN section 3): docs and defaults everywhere, enums with a default symbol, no
 * maps, no list items that take no bytes, times as timestamp-millis, and one definition per name.
 * @returns every problem, as sentences; none for a good set
 */
export function checkSchemas(schemas: readonly AvroRecord[]): readonly string[] {
  const definitions = new Map<string, string>();
  return schemas.flatMap((schema) => [
    ...(schema.namespace === NAMESPACE ? [] : [`${schema.name}: namespace must be ${NAMESPACE}`]),
    ...namedTypes(schema).flatMap((type) => [...checkDefinition(definitions, type), ...checkNamed(type)]),
    ...checkType(schema.name, schema, new Set()),
  ]);
}

/** The same name must mean the same in every schema: readers would mix them up otherwise. */
function checkDefinition(definitions: Map<string, string>, type: AvroNamed): readonly string[] {
  const text = JSON.stringify(type);
  const known = definitions.get(type.name);
  definitions.set(type.name, known ?? text);
  return known === undefined || known === text ? [] : [`${type.name}: two schemas define it differently`];
}

function checkNamed(type: AvroNamed): readonly string[] {
  const doc = type.doc ? [] : [`${type.name}: has no doc`];
  if (type.type === 'enum') return [...doc, ...checkEnum(type)];
  return [...doc, ...type.fields.flatMap((field) => checkField(type, field))];
}

function checkEnum(type: AvroEnum): readonly string[] {
  const neutral = NEUTRAL_SYMBOLS[type.name];
  if (neutral !== undefined) {
    return type.default === neutral && type.symbols.includes(neutral)
      ? []
      : [`${type.name}: default must be ${neutral}`];
  }
  const known = type.default === 'unknown' && type.symbols[0] === 'unknown';
  return known ? [] : [`${type.name}: the first symbol and the default must be unknown`];
}

function checkField(record: AvroRecord, field: AvroField): readonly string[] {
  const path = `${record.name}.${field.name}`;
  const problems: string[] = [];
  const required = REQUIRED[record.name]?.includes(field.name) ?? false;
  if (!field.doc) problems.push(`${path}: has no doc`);
  if (FORBIDDEN_NAMES.has(field.name)) problems.push(`${path}: the name means something to JavaScript`);
  if (required && field.default !== undefined) problems.push(`${path}: is required, but has a default`);
  if (!required && field.default === undefined) problems.push(`${path}: has no default`);
  if (isUnion(field.type) && !required && field.default !== null)
    problems.push(`${path}: a nullable field's default is null`);
  const held = isUnion(field.type) ? field.type[1] : field.type;
  const isTime = typeof held === 'object' && !isUnion(held) && held.type === 'long';
  if (isTime !== TIME_NAMES.has(field.name)) problems.push(`${path}: times, and only times, are timestamp-millis`);
  return problems;
}

function checkType(path: string, type: Avro, known: Set<string>): readonly string[] {
  if (typeof type === 'string') {
    return PRIMITIVES.has(type) || known.has(type) ? [] : [`${path}: unknown type ${type}`];
  }
  if (isUnion(type)) {
    const shape = type.length === 2 && type[0] === 'null' && type[1] !== 'null' && !isUnion(type[1] as Avro);
    const problems = shape ? [] : [`${path}: the only unions are ["null", T]`];
    return [...problems, ...type.flatMap((branch) => checkType(path, branch, known))];
  }
  switch (type.type) {
    case 'record':
    case 'enum':
      known.add(type.name);
      return inner(type).flatMap((held, n) =>
        checkType(`${type.name}.${type.type === 'record' ? type.fields[n]?.name : ''}`, held, known),
      );
    case 'array':
      return [
        // Items of no bytes would let five bytes announce a billion of them.
        ...(type.items === 'null' ? [`${path}: list items that take no bytes`] : []),
        ...checkType(path, type.items, known),
      ];
    case 'long':
      return type.logicalType === 'timestamp-millis' ? [] : [`${path}: the only logical type is timestamp-millis`];
    default:
      return [
        `${path}: ${JSON.stringify((type as { type: unknown }).type)} is not used here (maps: take a list of NameValue)`,
      ];
  }
}
