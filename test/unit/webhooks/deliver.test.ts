import { Deliverer, type DelivererOptions, type DeliveryOutcome } from '../../../src/webhooks/deliver.ts';
import { destinationRules } from '../../../src/webhooks/destination.ts';
import { httpEndpoint, LIES, rawEndpoint, type TestEndpoint } from '../../support/webhook-servers.ts';

const LOOPBACK = destinationRules({ allowHttp: true, allowedNetworks: ['127.0.0.0/8'] });
const CLOSED_PORT_URL = 'http://127.0.0.1:1/hook';

describe('delivering to an endpoint', () => {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  const deliverer = (over: Partial<DelivererOptions> = {}): Deliverer => {
    const made = new Deliverer({
      rules: LOOPBACK,
      addressesOf: async () => ['127.0.0.1'],
      timeoutMs: 10_000,
      answerBytesMax: 64 * 1_024,
      ...over,
    });
    stops.push(() => made.close());
    return made;
  };
  const at = async (endpoint: Promise<TestEndpoint>): Promise<TestEndpoint> => {
    const made = await endpoint;
    stops.push(() => made.stop());
    return made;
  };
  const post = (by: Deliverer, url: string, signal = new AbortController().signal): Promise<DeliveryOutcome> =>
    by.deliver({ url, headers: { 'webhook-id': 'evt_1' }, body: '{"type":"email.sent"}' }, signal);

  it('posts the body and the headers, and is content with any 2xx', async () => {
    const endpoint = await at(httpEndpoint());
    expect(await post(deliverer(), endpoint.url)).toEqual({ taken: true, status: 204 });
    expect(endpoint.received).toEqual([
      expect.objectContaining({
        body: '{"type":"email.sent"}',
        headers: expect.objectContaining({ 'webhook-id': 'evt_1', 'content-type': 'application/json; charset=utf-8' }),
      }),
    ]);
  });

  it('follows no redirect', async () => {
    const other = await at(httpEndpoint());
    for (const status of [301, 302, 303, 307, 308]) {
      const endpoint = await at(httpEndpoint(() => ({ status, headers: { location: other.url } })));
      expect(await post(deliverer(), endpoint.url)).toMatchObject({ taken: false, failure: 'redirect', status });
    }
    expect(other.calls()).toBe(0);
  });

  it('tells how long it is asked to wait', async () => {
    const endpoint = await at(httpEndpoint(() => ({ status: 503, headers: { 'retry-after': '120' } })));
    const outcome = await post(deliverer(), endpoint.url);
    expect(outcome).toEqual({ taken: false, failure: 'status', status: 503, retryAfterMs: 120_000 });
  });

  it('gives up what does not answer, or not to the end, and what is closed', async () => {
    const silent = await at(rawEndpoint(() => undefined));
    const dripping = await at(
      rawEndpoint((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nand so')),
    );
    const by = deliverer({ timeoutMs: 200 });
    expect(await post(by, silent.url)).toMatchObject({ taken: false, failure: 'timeout' });
    expect(await post(by, dripping.url)).toMatchObject({ taken: false, failure: 'timeout' });
    expect(await post(by, CLOSED_PORT_URL)).toMatchObject({ taken: false, failure: 'refused' });
    const resolving = deliverer({ timeoutMs: 200, addressesOf: () => new Promise(() => undefined) });
    expect(await post(resolving, 'http://slow.example/')).toMatchObject({ taken: false, failure: 'timeout' });
  });

  it('believes no answer that is not whole', async () => {
    const by = deliverer();
    for (const lie of LIES) {
      const endpoint = await at(rawEndpoint(lie));
      expect([lie.toString(), await post(by, endpoint.url)]).toEqual([
        lie.toString(),
        expect.objectContaining({ taken: false }),
      ]);
    }
  });

  it('ends at once when it is told to', async () => {
    const abort = new AbortController();
    const silent = await at(rawEndpoint(() => abort.abort()));
    expect(await post(deliverer(), silent.url, abort.signal)).toMatchObject({ taken: false });
  });

  it('connects to the address that was checked, whatever the name says the next time', async () => {
    const endpoint = await at(httpEndpoint());
    const { port } = new URL(endpoint.url);
    let asked = 0;
    // A name that turns inwards after it was looked at.
    const by = deliverer({ addressesOf: async () => (++asked === 1 ? ['127.0.0.1'] : ['10.0.0.1']) });
    expect(await post(by, `http://rebinding.example:${port}/hook`)).toEqual({ taken: true, status: 204 });
    expect(await post(by, `http://rebinding.example:${port}/hook`)).toMatchObject({ failure: 'forbidden' });
    expect(endpoint.calls()).toBe(1);
  });

  it('calls nothing that is not public, unless it is allowed', async () => {
    const endpoint = await at(httpEndpoint());
    const { port } = new URL(endpoint.url);
    const strict = (addresses: readonly string[]) =>
      deliverer({
        rules: destinationRules({ allowHttp: true, allowedNetworks: [] }),
        addressesOf: async () => addresses,
      });
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '::1', '169.254.169.254', '0.0.0.0']) {
      expect(await post(strict([address]), `http://name.example:${port}/`)).toMatchObject({ failure: 'forbidden' });
    }
    // One public address beside it makes it no better.
    expect(await post(strict(['93.184.216.34', '127.0.0.1']), 'http://name.example/')).toMatchObject({
      failure: 'forbidden',
    });
    expect(await post(strict([]), endpoint.url)).toMatchObject({ failure: 'forbidden' });
    expect(await post(strict([]), 'http://name.example/')).toMatchObject({ failure: 'unresolved' });
    expect(endpoint.calls()).toBe(0);
  });
});
