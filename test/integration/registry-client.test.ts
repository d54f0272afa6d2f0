import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { schemas } from '../../src/contracts/generated.ts';
import { RegistryClient } from '../../src/registry/registry-client.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(JSON.stringify(body));

describe('RegistryClient', () => {
  let server: Server;
  let handle: Handler;
  let client: RegistryClient;
  const urlOf = (userInfo = '') => `http://${userInfo}127.0.0.1:${(server.address() as AddressInfo).port}/base/`;

  beforeEach(async () => {
    server = createServer((request, response) => handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = new RegistryClient({ url: urlOf(), timeoutMs: 500 });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** A registry that knows id 1 under `a-value`, and says 404 to all else. */
  const working: Handler = ({ url }, response) => {
    if (url === '/base/schemas/ids/1/versions') return json(response, 200, [{ subject: 'a-value', version: 1 }]);
    if (url === '/base/schemas/ids/1') return json(response, 200, { schema: schemas.Score });
    if (url === '/base/subjects/a-value') return json(response, 200, { subject: 'a-value', id: 1 });
    return json(response, 404, { error_code: 40403, message: 'not found' });
  };

  it('finds an id under its subject only', async () => {
    handle = working;
    expect(await client.find('a-value', 1)).toEqual({ ok: true, schema: schemas.Score });
    expect(await client.find('b-value', 1)).toEqual({ ok: false, reason: 'wrong-subject' });
    expect(await client.find('a-value', 2)).toEqual({ ok: false, reason: 'unknown-schema' });
  });

  it.each<[string, Handler]>([
    ['says 500', (_, response) => json(response, 500, { error_code: 50001 })],
    ['says 503 without a body', (_, response) => response.writeHead(503).end()],
    ['wants a password', (_, response) => json(response, 401, { error_code: 401 })],
    ['is asked too often', (_, response) => json(response, 429, { error_code: 429 })],
    ['says 503 and means a page', (_, response) => response.writeHead(503).end('<html>sorry</html>')],
    ['says 500 and null', (_, response) => json(response, 500, null)],
    ['hangs', () => undefined],
    ['hangs up', (_, response) => response.destroy()],
    ['stops in the middle', (_, response) => void response.writeHead(200, { 'content-length': '1000' }).write('[')],
    ['says 500 in words that look like an answer', (_, response) => json(response, 500, [{ subject: 'b-value' }])],
  ])('decides nothing when the registry %s', async (_, handler) => {
    handle = handler;
    const unavailable = { code: 'REGISTRY_UNAVAILABLE' };
    await Promise.all([
      expect(client.find('a-value', 1)).rejects.toMatchObject(unavailable),
      expect(client.versionsOf('a-value')).rejects.toMatchObject(unavailable),
      expect(client.compatibilityOf('a-value')).rejects.toMatchObject(unavailable),
      expect(client.setCompatibility('a-value', 'FULL')).rejects.toMatchObject(unavailable),
    ]);
  });

  it('decides nothing when something else answers', async () => {
    handle = (_, response) => response.writeHead(200).end('<html>welcome</html>');
    const unavailable = { code: 'REGISTRY_UNAVAILABLE' };
    await expect(client.find('a-value', 1)).rejects.toMatchObject(unavailable);
    await expect(client.versionsOf('a-value')).rejects.toMatchObject(unavailable);
    await expect(client.compatibilityOf('a-value')).rejects.toMatchObject(unavailable);
  });

  it.each<[string, Handler]>([
    ['says 500', (_, response) => json(response, 500, { error_code: 50001, message: 'no' })],
    ['hangs', () => undefined],
    ['hangs up', (_, response) => response.destroy()],
  ])('decides nothing about our own schema when the registry %s', async (_, handler) => {
    handle = handler;
    await expect(client.idOf('a-value', schemas.Score)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    await expect(client.register('a-value', schemas.Score)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  });

  it('decides nothing when nobody listens', async () => {
    await new Promise((resolve) => server.close(resolve));
    await expect(client.find('a-value', 1)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    await expect(client.idOf('a-value', schemas.Score)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  });

  it('believes no 404 of a registry that no longer knows our own schema', async () => {
    handle = working;
    expect(await client.idOf('a-value', schemas.Score)).toBe(1);
    expect(await client.find('a-value', 2)).toEqual({ ok: false, reason: 'unknown-schema' });
    handle = (_, response) => json(response, 404, { error_code: 40403, message: 'not found' });
    await expect(client.find('a-value', 2)).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  });

  it('knows that a schema is not registered', async () => {
    handle = working;
    expect(await client.idOf('b-value', schemas.Score)).toBeNull();
  });

  it.each([
    ['JSON schema', { schema: '{}', schemaType: 'JSON' }],
    [
      'a schema that refers to others',
      { schema: schemas.Score, references: [{ name: 'x', subject: 'x', version: 1 }] },
    ],
  ])('cannot read %s', async (_, answer) => {
    handle = (request, response) =>
      request.url === '/base/schemas/ids/1' ? json(response, 200, answer) : working(request, response);
    expect(await client.find('a-value', 1)).toEqual({ ok: false, reason: 'unreadable-schema' });
  });

  it('says that the registry refuses a schema, and why', async () => {
    handle = ({ method }, response) =>
      method === 'GET'
        ? json(response, 200, { compatibilityLevel: 'FULL_TRANSITIVE' })
        : json(response, 409, { error_code: 409, message: 'incompatible with version 3' });
    await expect(client.register('a-value', schemas.Score)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      facts: { subject: 'a-value', status: 409, message: expect.stringContaining('incompatible with version 3') },
    });
  });

  it('sends the password of its address, by every way that it asks', async () => {
    const seen: (string | undefined)[] = [];
    handle = (request, response) => {
      seen.push(request.headers.authorization);
      working(request, response);
    };
    const withPassword = new RegistryClient({ url: urlOf('user:p%40ss@'), timeoutMs: 500 });
    await withPassword.find('a-value', 1);
    await withPassword.idOf('a-value', schemas.Score);
    const expected = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    expect(seen).toEqual([expected, expected, expected]);
  });
});
