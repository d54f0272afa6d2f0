import { type Email, PostlaneApiError, PostlaneClient } from '../../../src/client/index.ts';

const mail: Email = {
  type: 'transactional',
  recipient: 'ada@inbox.example',
  payload: { from: 'a@b.example', subject: 's' },
};
const json = (status: number, body: object, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
const problem = (status: number, type = 'urn:postlane:problem:unavailable', headers: Record<string, string> = {}) =>
  json(status, { type, title: 'no', status }, headers);

/** A server of given answers, in order; an error is a broken connection. */
function serving(...answers: readonly (Response | Error)[]) {
  const asked: { readonly url: string; readonly init: RequestInit }[] = [];
  const queue = [...answers];
  const fetchLike = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    asked.push({ url: String(url), init });
    const answer = queue.shift() ?? problem(500);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const options = { url: 'http://api.example/', apiKey: 'pl_key', fetch: fetchLike, retriesMax: 3 };
  return { asked, client: new PostlaneClient(options) };
}
const keyOf = ({ init }: { readonly init: RequestInit }) => new Headers(init.headers).get('idempotency-key');

describe('the client', () => {
  it('repeats what got no answer or a passing one, under the same idempotency key', async () => {
    const answers = [
      new TypeError('fetch failed'),
      problem(503),
      problem(409, 'urn:postlane:problem:idempotency-key-in-flight'),
    ];
    const { client, asked } = serving(...answers, json(202, { id: 'a', state: 'accepted' }));
    await expect(client.send(mail)).resolves.toEqual({ id: 'a', state: 'accepted' });
    expect(asked).toHaveLength(4);
    expect(new Set(asked.map(keyOf)).size).toBe(1);
    expect(new Headers(asked[0]?.init.headers).get('authorization')).toBe('Bearer pl_key');
    expect(asked[0]?.url).toBe('http://api.example/v1/emails');
  });

  it('names every request differently unless told otherwise', async () => {
    const accepted = () => json(202, { id: 'a', state: 'accepted' });
    const { client, asked } = serving(accepted(), accepted(), accepted());
    await client.send(mail);
    await client.send(mail);
    await client.send(mail, { idempotencyKey: 'mine' });
    expect(new Set(asked.map(keyOf)).size).toBe(3);
    expect(keyOf(asked[2] as never)).toBe('mine');
  });

  it('does not repeat what will not pass, and says what it was', async () => {
    const { client, asked } = serving(json(422, { type: 'urn:x', title: 'A field', status: 422, field: '/recipient' }));
    const error = await client.send(mail).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PostlaneApiError);
    expect(error).toMatchObject({ status: 422, type: 'urn:x', problem: { field: '/recipient' } });
    expect(asked).toHaveLength(1);
  });

  it('gives up after its retries, and at once where it would have to wait for long', async () => {
    const tired = serving(problem(503), problem(503), problem(503), problem(503), problem(503));
    await expect(tired.client.send(mail)).rejects.toMatchObject({ status: 503 });
    expect(tired.asked).toHaveLength(4);
    const quota = serving(problem(429, 'urn:postlane:problem:quota-exceeded', { 'retry-after': '86400' }));
    await expect(quota.client.send(mail)).rejects.toMatchObject({ status: 429 });
    expect(quota.asked).toHaveLength(1);
  });

  it('knows that a mail is not there, and walks through all pages', async () => {
    const { client, asked } = serving(
      problem(404),
      json(200, { emails: [{ id: 'a' }], next: 'n' }),
      json(200, { emails: [{ id: 'b' }], next: null }),
    );
    await expect(client.get('x/y')).resolves.toBeNull();
    const ids: string[] = [];
    for await (const { id } of client.listAll({ tag: 't' })) ids.push(id);
    expect(ids).toEqual(['a', 'b']);
    expect(asked.map(({ url }) => url.slice('http://api.example'.length))).toEqual([
      '/v1/emails/x%2Fy',
      '/v1/emails?tag=t&limit=100',
      '/v1/emails?tag=t&limit=100&cursor=n',
    ]);
  });
});
