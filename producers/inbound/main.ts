import { createHash } from 'node:crypto';
import { toAsciiDomain } from '../../src/domain/address.ts';
import { FEEDBACK_BODY_BYTES_MAX } from '../../src/domain/feedback/bounds.ts';
import type { Host } from '../../src/host/host.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { resolveSecret } from '../../src/secrets/resolve.ts';
import { InboundServer } from '../../src/smtp/inbound-server.ts';
import { type AddressRules, accept, formatFor } from './accept.ts';

/** A record that is not replicated by then is answered with 451; senders wait for ten minutes (RFC 5321 section 4.5.3.2.6). */
const APPEND_MS_MAX = 20_000;
const QUEUED_BYTES_MAX = 64_000_000;

/** The listener for mail to return paths as it runs in a process. */
export interface RunningInbound extends Stoppable {
  /** Where it listens. */
  readonly port: number;
}

/** Starts the listener in this process. */
export async function startInbound(host: Host): Promise<RunningInbound> {
  const { config, clock, telemetry, codec, kafka } = host;
  const { inbound } = config;
  const signer = await openVerpSigner(config);
  const rules: AddressRules = {
    domains: new Set(
      config.senders.list.map(({ returnPathDomain }) => toAsciiDomain(returnPathDomain) ?? returnPathDomain),
    ),
    verify: signer === null ? null : (local) => signer.verify(local),
    addresses: new Map(inbound.addresses.map(({ address, format }) => [address, format])),
  };
  const tls = inbound.tls && {
    key: await resolveSecret(inbound.tls.key),
    certificate: await resolveSecret(inbound.tls.certificate),
  };
  const publisher = new Publisher({ kafka, queuedBytesMax: QUEUED_BYTES_MAX, deliveryTimeoutMs: APPEND_MS_MAX });
  const server = await InboundServer.start({
    host: inbound.host,
    port: inbound.port,
    hostname: inbound.hostname,
    tls,
    mailBytesMax: inbound.mailBytesMax,
    keptBytesMax: FEEDBACK_BODY_BYTES_MAX,
    connectionsMax: inbound.connectionsMax,
    accepts: (recipient) => formatFor(recipient, rules) !== null,
    take: async (mail) => void (await publisher.append(encodeOutputs(codec, accept(mail, rules, hashOf, clock.now())))),
    clock,
    telemetry,
  });
  telemetry.log('info', 'mail to return paths is taken', { host: inbound.host, port: server.port });
  return {
    port: server.port,
    async stop(options) {
      await server.stop(options);
      await publisher.close();
    },
  };
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest('base64url');
}
