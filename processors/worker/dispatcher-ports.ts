import type { SiteLimits, Source } from '../../src/domain/policy.ts';
import type { Millis } from '../../src/domain/time.ts';
import type { RateLimits } from '../../src/runtime/limits-port.ts';
import type { Output } from '../../src/runtime/processor.ts';
import type { Unit } from './unit.ts';

/** What the mail exchangers of a recipient's domain say about where its mail belongs. */
export type Located =
  | { readonly kind: 'here'; readonly site: string }
  /** Into the lane of another provider: these outputs take it there. */
  | { readonly kind: 'elsewhere'; readonly outputs: readonly Output[] }
  /** The name service has been asked. */
  | { readonly kind: 'looking' };

/** What the dispatcher asks of its surroundings. */
export interface DispatcherPorts {
  readonly limits: RateLimits;
  /** Sources of the queue's pool, in order of preference. */
  readonly sources: readonly Source[];
  limitsOf(unit: Unit, source: Source): SiteLimits;
  /** Where a mail of a lane of many sites goes. Absent: to the site that it came with. */
  readonly locate?: (unit: Unit, now: Millis) => Located;
  /** Lanes that draw on the limit of (source, provider), over all workers. */
  sharedBy(source: Source, unit: Unit): readonly string[];
  /** Until when nothing goes over this source at all, and until when nothing of it goes to this site; null: it may. */
  circuits(
    source: Source,
    site: string,
  ): { readonly source: Millis | null; readonly site: Millis | null; readonly trial: boolean };
  /** Mails per day that a source which is being warmed up may send to the unit's provider; null for a warm source. */
  allowance(source: Source, unit: Unit): number | null;
  /** Does what the new sources may not send go over the warm ones of the pool, or wait for the new ones? */
  readonly overflow: 'warm' | 'hold';
  /** Which sources of the pool come first: those that are warm, or those that are being warmed up. */
  readonly first: 'warm' | 'new';
  /** Per worker and minute, for the whole queue; null for no limit. */
  readonly queueRatePerMinute: number | null;
  readonly queueName: string;
  /** What speaks against sending it at all; null for nothing. */
  skip(unit: Unit, now: Millis): readonly Output[] | null;
  postpone(unit: Unit, until: Millis, now: Millis): readonly Output[];
  /** To another worker, which has a connection from the source to the unit's site: this one has none. */
  handOver(unit: Unit, source: Source): readonly Output[];
}
