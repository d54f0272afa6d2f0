import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { PostlaneError } from '../domain/error.ts';
import type { MetricDeclaration } from './metric.ts';
import { METRICS } from './metrics.ts';

type Labels = Readonly<Record<string, string>>;

const NANOSECONDS_PER_MS = 1_000_000;
const LOOP_RESOLUTION_MS = 10;

/** The declared metrics, ready to be counted and scraped. */
export class MetricRegistry {
  private readonly registry = new Registry();
  private readonly counters = new Map<string, Counter>();
  private readonly gauges = new Map<string, Gauge>();
  private readonly histograms = new Map<string, Histogram>();
  private readonly loopDelay: ReturnType<typeof monitorEventLoopDelay>;

  /** `labels` are added to every metric, for example the role. */
  constructor(labels: Labels = {}, declarations: readonly MetricDeclaration[] = METRICS) {
    this.registry.setDefaultLabels({ ...labels });
    collectDefaultMetrics({ register: this.registry });
    for (const { name, type, help, labels, buckets } of declarations) {
      const options = { name, help, labelNames: [...labels], registers: [this.registry] };
      if (type === 'counter') this.counters.set(name, new Counter(options));
      else if (type === 'gauge') this.gauges.set(name, new Gauge(options));
      else this.histograms.set(name, new Histogram({ ...options, buckets: [...(buckets ?? [])] }));
    }
    this.loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    this.loopDelay.enable();
  }

  count(name: string, labels: Labels, by: number): void {
    declared(this.counters, name, 'counter').inc(labels, by);
  }

  gauge(name: string, value: number, labels: Labels): void {
    declared(this.gauges, name, 'gauge').set(labels, value);
  }

  observe(name: string, value: number, labels: Labels): void {
    declared(this.histograms, name, 'histogram').observe(labels, value);
  }

  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;

  /** The text that Prometheus scrapes. */
  async text(): Promise<string> {
    for (const quantile of [0.5, 0.99, 1]) {
      const delayMs = this.loopDelay.percentile(quantile * 100) / NANOSECONDS_PER_MS - LOOP_RESOLUTION_MS;
      this.gauge('postlane_event_loop_delay_ms', Math.max(0, delayMs), { quantile: String(quantile) });
    }
    this.loopDelay.reset();
    return this.registry.metrics();
  }

  stop(): void {
    this.loopDelay.disable();
    this.registry.clear();
  }
}

function declared<M>(metrics: ReadonlyMap<string, M>, name: string, type: string): M {
  const metric = metrics.get(name);
  if (metric === undefined) throw new PostlaneError('BUG', { what: `no ${type} of this name is declared`, name });
  return metric;
}
