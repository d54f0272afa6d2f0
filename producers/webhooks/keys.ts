import { createPublicKey, type KeyObject } from 'node:crypto';
import type { WebhookRoute } from '../../src/config/types.ts';
import { PostlaneError } from '../../src/domain/error.ts';
import type { Secrets } from '../../src/secrets/secrets.ts';
import type { RouteKeys } from './request.ts';

/** Standard Webhooks has secrets of 24 to 64 bytes. */
const SECRET_BYTES = { min: 24, max: 64 } as const;
const MAILGUN_BYTES_MIN = 16;
const PASSWORD_BYTES_MIN = 16;

/** Reads what a route's secret refers to: one secret on a line. Throws CONFIG_INVALID where it could prove nobody. */
export async function keysOf(route: WebhookRoute, secrets: Pick<Secrets, 'resolve'>): Promise<RouteKeys> {
  const { name, format, topics, allowSnsSignatureV1 } = route;
  const lines = route.secret === null ? [] : (await secrets.resolve(route.secret)).lines().map((line) => line.text());
  const fail = (what: string): never => {
    throw new PostlaneError('CONFIG_INVALID', { what: `webhooks.routes.${name}: ${what}` });
  };
  if (format !== 'ses' && lines.length === 0) fail('needs a secret: without one, anybody could suppress any address');
  if (format === 'ses' && topics.length === 0) fail('needs the topics that may speak');
  return {
    name,
    format,
    topics,
    allowSnsSignatureV1,
    publicKeys:
      format === 'sendgrid' ? lines.map((line) => publicKey(line) ?? fail('the secret is no P-256 key in base64')) : [],
    secrets:
      format === 'sendgrid' ? [] : lines.map((line) => secretBytes(format, line) ?? fail(MISSHAPEN[format] ?? '')),
  };
}

const MISSHAPEN: Readonly<Record<string, string>> = {
  generic: 'the secret must be whsec_ and 24 to 64 bytes in base64',
  mailgun: `the signing key must have ${MAILGUN_BYTES_MIN} characters`,
  postmark: `the secret must be user:password, with a password of ${PASSWORD_BYTES_MIN} characters`,
};

function secretBytes(format: RouteKeys['format'], line: string): Uint8Array | null {
  if (format === 'mailgun') return line.length >= MAILGUN_BYTES_MIN ? Buffer.from(line) : null;
  if (format === 'postmark') {
    const colon = line.indexOf(':');
    return colon > 0 && line.length - colon - 1 >= PASSWORD_BYTES_MIN ? Buffer.from(line) : null;
  }
  const bytes = line.startsWith('whsec_') ? Buffer.from(line.slice('whsec_'.length), 'base64') : Buffer.alloc(0);
  return bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max ? bytes : null;
}

function publicKey(line: string): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(line, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : null;
  } catch {
    return null;
  }
}
