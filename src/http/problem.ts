/**
 * A problem document (RFC 9457). Its type is stable: programs act on it, people read title and detail.
 */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What is wrong with this request, for people. */
  readonly detail?: string;
  /** JSON pointer (RFC 6901) to the field that is wrong. */
  readonly field?: string;
  /** Further members that the type defines. */
  readonly [member: string]: unknown;
}

const PREFIX = 'urn:postlane:problem:';

/** Every type that an answer may have, with its status and title. A closed list: removing one is a breaking change. */
export const PROBLEMS = {
  'malformed-body': { status: 400, title: 'The body is not what its media type says' },
  'malformed-request': { status: 400, title: 'The request is not understood' },
  unauthorized: { status: 401, title: 'A valid API key is needed' },
  'scope-missing': { status: 403, title: 'The API key may not do this' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'idempotency-key-reused': { status: 409, title: 'The idempotency key was used for another request' },
  'idempotency-key-in-flight': { status: 409, title: 'The same request is being worked on' },
  'too-late': { status: 409, title: 'The mail has ended already' },
  'limit-reached': { status: 409, title: 'There are as many as there may be' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'uri-too-long': { status: 414, title: 'The URI is too long' },
  'media-type-unsupported': { status: 415, title: 'The media type is not supported' },
  'invalid-field': { status: 422, title: 'A field is not valid' },
  'batch-refused': { status: 422, title: 'No mail of the batch is valid' },
  'import-refused': { status: 422, title: 'No line of the file holds an address' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'quota-exceeded': { status: 429, title: 'The daily quota is used up' },
  'headers-too-large': { status: 431, title: 'The header fields are too large' },
  internal: { status: 500, title: 'Something is wrong here' },
  overloaded: { status: 503, title: 'Too much is under way' },
  unavailable: { status: 503, title: 'The log cannot take it now' },
  'not-current': { status: 503, title: 'What is known is not current' },
  stopping: { status: 503, title: 'The server is stopping' },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;
export type ProblemName = keyof typeof PROBLEMS;

export const problemType = (name: ProblemName): string => `${PREFIX}${name}`;

/** A problem document of a type, with what this case adds. */
export const problem = (name: ProblemName, more: Readonly<Record<string, unknown>> = {}): Problem => ({
  type: problemType(name),
  ...PROBLEMS[name],
  ...more,
});
