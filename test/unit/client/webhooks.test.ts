import { verifyWebhook, WebhookVerificationError } from '../../../src/client/index.ts';
import { newEndpoint, signingSecrets, withSecret } from '../../../src/domain/webhook-endpoint.ts';
import { newWebhookSecret, openSecret, sealSecret, webhookSignature } from '../../../src/secrets/webhook-secrets.ts';

const NOW = 1_800_000_000_000;
const body = JSON.stringify({ type: 'email.sent', timestamp: '2027-01-15T08:00:00.000Z', data: { id: 'ä' } });
const message = { id: 'evt_1', timestamp: NOW / 1_000, body };

describe('what is signed is verified', () => {
  const secret = newWebhookSecret();
  const headersBy = (...secrets: readonly string[]) => ({
    'webhook-id': message.id,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': webhookSignature(secrets, message),
  });
  const refusal = async (verifying: Promise<unknown>): Promise<string> => {
    const error = await verifying.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    return error instanceof WebhookVerificationError ? error.refusal : `not refused: ${String(error)}`;
  };

  it('signs as the example of Standard Webhooks does', () => {
    const example = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
    expect(webhookSignature(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], example)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it('gives the event under its id, from headers of any kind', async () => {
    const headers = headersBy(secret);
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
    for (const each of [headers, new Headers(headers), upper]) {
      const verified = await verifyWebhook({ secret, headers: each, body, now: NOW });
      expect(verified).toEqual({ id: 'evt_1', event: JSON.parse(body) });
    }
    const bytes = new TextEncoder().encode(body);
    expect((await verifyWebhook({ secret, headers, body: bytes, now: NOW })).id).toBe('evt_1');
  });

  it('takes the old and the new secret while one follows the other', async () => {
    const next = newWebhookSecret();
    const headers = headersBy(next, secret);
    for (const known of [secret, next, [newWebhookSecret(), secret]]) {
      expect((await verifyWebhook({ secret: known, headers, body, now: NOW })).id).toBe('evt_1');
    }
  });

  it('refuses what was changed, is old, or was signed by somebody else', async () => {
    const headers = headersBy(secret);
    const options = { secret, headers, body, now: NOW };
    expect(await refusal(verifyWebhook({ ...options, body: `${body} ` }))).toBe('signature-wrong');
    expect(await refusal(verifyWebhook({ ...options, headers: { ...headers, 'webhook-id': 'evt_2' } }))).toBe(
      'signature-wrong',
    );
    expect(await refusal(verifyWebhook({ ...options, secret: newWebhookSecret() }))).toBe('signature-wrong');
    expect(await refusal(verifyWebhook({ ...options, secret: [] }))).toBe('signature-wrong');
    expect(await refusal(verifyWebhook({ ...options, now: NOW + 301_000 }))).toBe('too-old');
    expect(await refusal(verifyWebhook({ ...options, now: NOW - 301_000 }))).toBe('too-old');
    expect(await refusal(verifyWebhook({ ...options, headers: {} }))).toBe('header-missing');
    const bent = { ...headers, 'webhook-signature': 'v1,%%% v1, v2,AAAA nonsense' };
    expect(await refusal(verifyWebhook({ ...options, headers: bent }))).toBe('signature-wrong');
  });

  it('keeps secrets sealed to their endpoint, under any of the keys', () => {
    const sealed = sealSecret(secret, 'we_one', 'old key');
    expect(sealed.includes(Buffer.from(secret))).toBe(false);
    expect(openSecret(sealed, 'we_one', 'new key\nold key\n')).toBe(secret);
    expect(() => openSecret(sealed, 'we_two', 'old key')).toThrow('SECRET_UNAVAILABLE');
    expect(() => openSecret(sealed, 'we_one', 'new key')).toThrow('SECRET_UNAVAILABLE');
    expect(() => openSecret(sealed.subarray(0, 10), 'we_one', 'old key')).toThrow('SECRET_UNAVAILABLE');
    expect(() => openSecret(Buffer.alloc(0), 'we_one', 'old key')).toThrow('SECRET_UNAVAILABLE');
    expect(() => sealSecret(secret, 'we_one', '\n')).toThrow('SECRET_UNAVAILABLE');
  });

  it('lets old secrets sign until their time is over, and no more than two of them', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer, Buffer];
    const facts = { endpointId: 'we_1', tenant: 't', url: 'https://x.example', description: '', events: [] };
    let endpoint = newEndpoint({ ...facts, sealed: a }, NOW);
    endpoint = withSecret(endpoint, b, NOW + 1_000, NOW);
    const sealedAt = (at: number) => signingSecrets(endpoint, at).map(({ sealed }) => sealed.toString());
    expect(sealedAt(NOW)).toEqual(['b', 'a']);
    expect(sealedAt(NOW + 1_000)).toEqual(['b']);
    endpoint = withSecret(endpoint, c, NOW + 5_000, NOW);
    endpoint = withSecret(endpoint, d, NOW + 5_000, NOW);
    expect(sealedAt(NOW)).toEqual(['d', 'c', 'b']);
  });
});
