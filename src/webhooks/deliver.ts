import { type Agent, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type AddressesOf, type DestinationRules, destinationOf, hostnameOf, urlProblem } from './destination.ts';

export interface Delivery {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Why an endpoint did not take an event. `status`: it answered something else than 2xx. `redirect`: it pointed elsewhere, which is
 * never followed. `cut`: the answer ended before it was whole. `too-large`: its answer is longer than anybody wants to read.
 * `forbidden`: the name leads to an address that may not be reached. `protocol`: what came is no HTTP.
 */
export type DeliveryFailure =
  | 'status'
  | 'redirect'
  | 'timeout'
  | 'cut'
  | 'too-large'
  | 'protocol'
  | 'refused'
  | 'unresolved'
  | 'forbidden'
  | 'tls'
  | 'unreachable';

export type DeliveryOutcome =
  | { readonly taken: true; readonly status: number }
  | {
      readonly taken: false;
      readonly failure: DeliveryFailure;
      /** Null: there was no answer. */
      readonly status: number | null;
      readonly retryAfterMs: number | null;
    };

/** Posts an event. Never throws: what an endpoint does is a value. Bounded in time, and in what is read. */
export type Deliver = (delivery: Delivery, signal: AbortSignal) => Promise<DeliveryOutcome>;

export interface DelivererOptions {
  readonly rules: DestinationRules;
  readonly addressesOf: AddressesOf;
  /** Of a whole attempt, from the name to the end of the answer. */
  readonly timeoutMs: number;
  /** Of the body of an answer. */
  readonly answerBytesMax: number;
  /** Certificates that are trusted instead of the usual ones. For tests. */
  readonly ca?: string;
}

const USER_AGENT = 'Postlane-Webhooks/1';
const ANSWER_HEADER_BYTES_MAX = 16 * 1_024;
/** Connections that idle for longer are closed. */
const IDLE_MS = 30_000;
const SOCKETS_PER_HOST_MAX = 64;
const IDLE_SOCKETS_MAX = 256;

/** Posts to customers' endpoints: only where the operator allows it to, over connections that are kept for a while. */
export class Deliverer {
  private readonly options: DelivererOptions;
  private readonly agents: { readonly http: Agent; readonly https: HttpsAgent };

  constructor(options: DelivererOptions) {
    this.options = options;
    const pooling = {
      keepAlive: true,
      timeout: IDLE_MS,
      maxSockets: SOCKETS_PER_HOST_MAX,
      maxFreeSockets: IDLE_SOCKETS_MAX,
      scheduling: 'lifo',
    } as const;
    this.agents = {
      http: new HttpAgent(pooling),
      https: new HttpsAgent({ ...pooling, ca: options.ca, minVersion: 'TLSv1.2' }),
    };
  }

  readonly deliver: Deliver = async (delivery, signal) => {
    const { rules, addressesOf, timeoutMs } = this.options;
    // An endpoint that was made under other rules must keep to those of now.
    if (urlProblem(delivery.url, rules) !== null) return refusal('forbidden');
    const url = new URL(delivery.url);
    const late = AbortSignal.timeout(timeoutMs);
    const destination = await unlessLate(destinationOf(hostnameOf(url), rules, addressesOf), late);
    if (destination === null) return refusal('timeout');
    if (!destination.ok) return refusal(destination.failure);
    const outcome = await this.post(url, delivery, destination.addresses, AbortSignal.any([late, signal]));
    return !outcome.taken && late.aborted ? { ...outcome, failure: 'timeout' } : outcome;
  };

  close(): void {
    this.agents.http.destroy();
    this.agents.https.destroy();
  }

  private post(
    url: URL,
    { headers, body }: Delivery,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<DeliveryOutcome> {
    const isSecure = url.protocol === 'https:';
    const options = {
      method: 'POST',
      agent: isSecure ? this.agents.https : this.agents.http,
      signal,
      // The connection goes to what was checked, whatever the name resolves to a moment later.
      lookup: checked(addresses),
      autoSelectFamily: addresses.length > 1,
      maxHeaderSize: ANSWER_HEADER_BYTES_MAX,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
        'user-agent': USER_AGENT,
        accept: '*/*',
        ...headers,
      },
    };
    return new Promise((resolve) => {
      let isAnswered = false;
      const asking = (isSecure ? httpsRequest : httpRequest)(url, options, (answer) => {
        isAnswered = true;
        void this.judge(answer).then((outcome) => {
          // A connection that holds more than the answer is not used again.
          if (!outcome.taken) asking.destroy();
          resolve(outcome);
        });
      });
      asking.on('error', (error) => {
        if (!isAnswered) resolve(refusal(failureOf(error)));
      });
      asking.on('close', () => {
        if (!isAnswered) resolve(refusal('cut'));
      });
      asking.end(body);
    });
  }

  /** Success is a 2xx whose answer came whole, with the length that it said. */
  private judge(answer: IncomingMessage): Promise<DeliveryOutcome> {
    const status = answer.statusCode ?? 0;
    const refused = (failure: DeliveryFailure) =>
      ({ taken: false, failure, status, retryAfterMs: retryAfterMs(answer) }) as const;
    if (status >= 300 && status < 400) return Promise.resolve(refused('redirect'));
    if (status < 200 || status >= 300) return Promise.resolve(refused('status'));
    return new Promise((resolve) => {
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > this.options.answerBytesMax) resolve(refused('too-large'));
      });
      answer.on('end', () => resolve(answer.complete ? { taken: true, status } : refused('cut')));
      answer.on('error', () => resolve(refused('cut')));
      answer.on('close', () => resolve(refused('cut')));
    });
  }
}

const refusal = (failure: DeliveryFailure): DeliveryOutcome => ({
  taken: false,
  failure,
  status: null,
  retryAfterMs: null,
});

const checked =
  (addresses: readonly string[]): LookupFunction =>
  (_hostname, { all }, done) => {
    const known = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = known;
    if (all) done(null, known);
    else done(null, first?.address ?? '', first?.family);
  };

async function unlessLate<T>(work: Promise<T>, late: AbortSignal): Promise<T | null> {
  const lateness = new Promise<null>((resolve) => {
    late.addEventListener('abort', () => resolve(null), { once: true });
  });
  return Promise.race([work, lateness]);
}

/** As RFC 9110 has it: seconds, or a date. Null: it says nothing that can be read. */
function retryAfterMs({ headers, statusCode }: IncomingMessage): number | null {
  if (statusCode !== 429 && statusCode !== 503) return null;
  const text = headers['retry-after'] ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function failureOf(error: Error & { readonly code?: string }): DeliveryFailure {
  const { code = '' } = error;
  if (code === 'ECONNREFUSED') return 'refused';
  if (code === 'ABORT_ERR' || code === 'ETIMEDOUT') return 'timeout';
  if (/^(?:HPE_|ERR_HTTP)/.test(code)) return 'protocol';
  if (/CERT|TLS|SSL|SIGNED|ISSUER|ALTNAME|EPROTO/.test(code)) return 'tls';
  return code === 'ECONNRESET' || code === 'EPIPE' ? 'cut' : 'unreachable';
}
