import { get } from 'node:https';
import { type Answer, addressesOf } from '../domain/dns/lookup.ts';
import { answer } from './answer.ts';
import type { LookUps } from './look-ups.ts';

export interface PolicyOptions {
  readonly port?: number;
  /** Certificates of authorities that are trusted instead of the system's. */
  readonly authorities?: string;
  readonly timeoutMs?: number;
}

const HTTPS_PORT = 443;
/** RFC 8461 section 3.3 suggests a minute; nobody waits for this check for as long. */
const TIMEOUT_MS = 10_000;
/** The same section: at least this much must be taken. */
const POLICY_BYTES_MAX = 65_536;

/**
 * The MTA-STS policy of a domain, from the address that the DNS gives: redirects are not followed, and the certificate
 * must be valid. `none` where there is no policy; `failed` where nothing can be concluded.
 */
export async function fetchPolicy(lookUps: LookUps, domain: string, options: PolicyOptions = {}): Promise<Answer> {
  const host = `mta-sts.${domain}`;
  const [address] = (await answer(lookUps, addressesOf(host))) ?? [];
  if (address === undefined) return { kind: 'none', exists: false };
  return new Promise((resolve) => {
    const none = (): void => resolve({ kind: 'none', exists: true });
    const request = get(
      {
        host: address,
        servername: host,
        headers: { host },
        port: options.port ?? HTTPS_PORT,
        path: '/.well-known/mta-sts.txt',
        agent: false,
        ...(options.authorities !== undefined && { ca: options.authorities }),
        signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        if (response.statusCode !== 200) request.destroy();
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > POLICY_BYTES_MAX) request.destroy();
          else chunks.push(chunk);
        });
        response.on('error', none);
        response.on('close', () => {
          if (response.statusCode !== 200 || !response.complete || bytes > POLICY_BYTES_MAX) none();
          else resolve({ kind: 'records', values: [Buffer.concat(chunks).toString('utf8')] });
        });
      },
    );
    request.on('error', none);
  });
}
