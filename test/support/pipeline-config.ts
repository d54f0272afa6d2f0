/** What a fault test decides about the pipeline, where it differs from the others. */
export interface PipelineSettings {
  /** `worker.in_flight_max`: what one crash may leave in doubt. Default 64. */
  readonly inFlightMax?: number;
  /** `worker.patience_factor`. Default 0.05: half a minute after the final dot. */
  readonly patienceFactor?: number;
  /** Mails per minute, source and site, of `other`. Default none. */
  readonly ratePerMinute?: number;
  /** Retries after the first attempt; each comes a second later. Default 8. */
  readonly retriesMax?: number;
  /** Further entries of `providers`, as YAML that is indented by two. */
  readonly providers?: string;
  /** `senders`. Default lenient. */
  readonly senders?: string;
  /** The sink keeps what it was given whole. Default false. */
  readonly keepRaw?: boolean;
  /** Further keys of `relay`, indented by two. */
  readonly relay?: string;
  /** The whole configuration, instead of everything else here. */
  readonly whole?: string;
  /** Further top-level keys, as YAML. */
  readonly more?: string;
}

export const IN_FLIGHT_MAX = 64;
/** Policies for the three types, so that one load shows them side by side. */
export const ON_UNCERTAIN = { transactional: 'resend', notification: 'drop', marketing: 'hold' } as const;

/**
 * The configuration of a fault test: time is scaled so that a lost member is noticed after six seconds, which is the least
 * that brokers take, and a retry comes after one.
 */
export const pipelineConfig = (settings: PipelineSettings = {}): string => settings.whole ?? scaled(settings);

const scaled = (settings: PipelineSettings): string => `
kafka:
  session_timeout: 6s
  rebalance_timeout: 20s
  heartbeat_interval: 500ms
logs:
  level: info
relay:
  tls: none
${settings.relay ?? ''}
worker:
  in_flight_max: ${settings.inFlightMax ?? IN_FLIGHT_MAX}
  patience_factor: ${settings.patienceFactor ?? 0.05}
  drain: 15s
circuit:
  failures: 5
  reset: 2s
providers:
  other:
    rate_limit: ${settings.ratePerMinute ?? 'none'}
    max_connections: 10
    why: a test's sink
${settings.providers ?? ''}
router:
  queues:
${Object.entries(ON_UNCERTAIN)
  .map(
    ([queue, policy]) => `    ${queue}:
      on_uncertain: ${policy}
      retry_policy:
        backoff: [1s]
        max_retries: ${settings.retriesMax ?? 8}
        jitter: 0`,
  )
  .join('\n')}
senders: ${settings.senders ?? 'lenient'}
${settings.more ?? ''}`;
