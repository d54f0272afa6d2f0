import { createHash } from 'node:crypto';
import { FEEDBACK_BODY_BYTES_MAX } from '../../src/domain/feedback/bounds.ts';
import type { Host } from '../../src/host/host.ts';
import { openVerpSigner } from '../../src/host/verp.ts';
import { Publisher } from '../../src/kafka/publisher.ts';
import { encodeOutputs } from '../../src/runtime/encode.ts';
import type { Stoppable } from '../../src/runtime/ports.ts';
import { follow } from '../../src/secrets/follow.ts';
import { checkCertificate, InboundServer, type KeyAndCertificate } from '../../src/smtp/inbound-server.ts';
import { accept, addressRulesOf, formatFor } from './accept.ts';

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
  const signer = await openVerpSigner(host);
  const rules = addressRulesOf(config, signer === null ? null : (local) => signer.current.verify(local));
  let server: InboundServer | null = null;
  const tls = inbound.tls && (await certificateOf(host, inbound.tls, (renewed) => server?.renewCertificate(renewed)));
  const publisher = new Publisher({ kafka, queuedBytesMax: QUEUED_BYTES_MAX, deliveryTimeoutMs: APPEND_MS_MAX });
  const started = await InboundServer.start({
    host: inbound.host,
    port: inbound.port,
    hostname: inbound.hostname,
    tls: tls?.current ?? null,
    mailBytesMax: inbound.mailBytesMax,
    keptBytesMax: FEEDBACK_BODY_BYTES_MAX,
    connectionsMax: inbound.connectionsMax,
    accepts: (recipient) => formatFor(recipient, rules) !== null,
    take: async (mail) => void (await publisher.append(encodeOutputs(codec, accept(mail, rules, hashOf, clock.now())))),
    clock,
    telemetry,
  });
  server = started;
  telemetry.log('info', 'mail to return paths is taken', { host: inbound.host, port: started.port });
  return {
    port: started.port,
    async stop(options) {
      tls?.stop();
      await started.stop(options);
      signer?.stop();
      await publisher.close();
    },
  };
}

/** Key and certificate, followed through renewals; a pair that does not fit together is not taken over. */
const certificateOf = (
  { secrets, telemetry }: Host,
  { key, certificate }: { readonly key: string; readonly certificate: string },
  renew: (renewed: KeyAndCertificate) => void,
) =>
  follow({
    secrets,
    telemetry,
    what: 'inbound tls',
    references: [key, certificate],
    async build() {
      const read = {
        key: (await secrets.resolve(key)).bytes(),
        certificate: (await secrets.resolve(certificate)).bytes(),
      };
      checkCertificate(read);
      renew(read);
      return read;
    },
  });

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return hashing.digest('base64url');
}
