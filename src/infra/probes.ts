import { createConnection } from 'node:net';

const PROBE_TIMEOUT_MS = 2_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`; IPv6 hosts stand in brackets. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/i.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host !== undefined && port > 0 && port < 65_536 ? { host, port } : undefined;
}

/** Sends `request` and answers the bytes received as soon as `enough` says so. Rejects on errors and at the time-out. */
function exchange(address: Address, request: Uint8Array, enough: (received: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...address, timeout: PROBE_TIMEOUT_MS });
    let received = Buffer.alloc(0);
    const settle = (error: Error | null) => {
      socket.destroy();
      if (error === null) resolve(received);
      else reject(error);
    };
    socket.once('error', settle);
    socket.once('timeout', () => settle(new Error('no answer in time')));
    socket.once('close', () => settle(new Error('closed before it answered')));
    socket.once('connect', () => {
      if (request.length === 0) settle(null);
      else socket.write(request);
    });
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (enough(received)) settle(null);
    });
  });
}

/** Whether something listens there. */
export async function listens(address: Address): Promise<boolean> {
  return exchange(address, new Uint8Array(0), () => true).then(
    () => true,
    () => false,
  );
}

/** A Metadata request, version 1, about no topics: size, API key 3, version, correlation id, client id, empty array. */
const METADATA_REQUEST = Buffer.from('00000013 0003 0001 00000000 0005 70726f6265 00000000'.replaceAll(' ', ''), 'hex');
/** The answer: size, correlation id, then the number of live brokers. */
const BROKER_COUNT_AT = 8;
const BROKER_COUNT_BYTES = 4;

/**
 * How many live brokers the broker at this address knows of. Asked in Kafka's own protocol, since a listening port does
 * not yet mean that a broker has registered and takes requests.
 */
export async function countBrokers(address: Address): Promise<number> {
  const answer = await exchange(
    address,
    METADATA_REQUEST,
    (bytes) => bytes.length >= BROKER_COUNT_AT + BROKER_COUNT_BYTES,
  );
  return answer.readInt32BE(BROKER_COUNT_AT);
}

/** Whether a Redis answers there; one that wants a password does. */
export async function answersPing(address: Address): Promise<boolean> {
  const answer = await exchange(address, Buffer.from('PING\r\n'), (bytes) => bytes.includes('\n'));
  return answer.toString('latin1').startsWith('+PONG') || answer.toString('latin1').startsWith('-NOAUTH');
}

/** Whether a registry answers at this base URL. */
export async function answersSubjects(baseUrl: string): Promise<boolean> {
  const response = await fetch(`${baseUrl.replace(/\/$/, '')}/subjects`, {
    signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
  });
  await response.arrayBuffer();
  return response.ok;
}
