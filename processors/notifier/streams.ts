import type {
  DeliveryResult,
  WebhookCursor,
  WebhookEndpoint,
  WebhookProgress,
  WebhookReplayProgress,
} from '../../src/contracts/generated.ts';
import type { Millis } from '../../src/domain/time.ts';
import { webhookEventOf } from '../../src/domain/webhook-event.ts';
import type { History } from '../../src/runtime/history-port.ts';
import { Cursor, type Entry } from './cursor.ts';
import { isKnownType, placeInLog, placeOf } from './place.ts';

/** Records that are looked at before others get their turn. */
const READ_MAX = 200;

/** An entry and the cursor that it came from. */
export interface Begun {
  readonly entry: Entry;
  readonly cursor: Cursor;
}

/** What an endpoint is still to be told: what happens, and what it wants to hear again. */
export class Streams {
  private readonly history: History<DeliveryResult>;
  private endpoint: WebhookEndpoint;
  private readonly live: Cursor[];
  private readonly replays = new Map<string, Cursor[]>();
  /** Where the next look begins, so that every partition gets its turn. */
  private turn = 0;
  private moved = false;
  /** Records that the log no longer had, not told yet. */
  private lostRecords = 0;

  constructor(history: History<DeliveryResult>, endpoint: WebhookEndpoint, progress: WebhookProgress) {
    this.history = history;
    this.endpoint = endpoint;
    this.live = progress.cursors.filter(isKnownType).map((row) => new Cursor(row));
    for (const { replayId, cursors } of progress.replays) {
      this.replays.set(
        replayId,
        cursors.filter(isKnownType).map((row) => new Cursor(row)),
      );
    }
  }

  get cursors(): WebhookCursor[] {
    return this.live.map(({ row }) => row);
  }

  get replayRows(): WebhookReplayProgress[] {
    return [...this.replays].map(([replayId, cursors]) => ({
      replayId,
      cursors: cursors.filter(({ isDone }) => !isDone).map(({ row }) => row),
    }));
  }

  /** Whether a cursor has moved since the last look. */
  takeMoved(): boolean {
    const moved = this.moved;
    this.moved = false;
    return moved;
  }

  takeLost(): number {
    const lost = this.lostRecords;
    this.lostRecords = 0;
    return lost;
  }

  /** The endpoint has changed: its replays begin and end with it. */
  async follow(endpoint: WebhookEndpoint): Promise<void> {
    this.endpoint = endpoint;
    const wanted = new Set(endpoint.replays.map(({ replayId }) => replayId));
    for (const replayId of this.replays.keys()) if (!wanted.has(replayId)) this.replays.delete(replayId);
    for (const { replayId, since, until } of endpoint.replays) {
      if (!this.replays.has(replayId)) this.replays.set(replayId, await this.range(since, until));
    }
  }

  /** The results have got new partitions: whatever lies in them since the endpoint was made is news. */
  async grow(): Promise<void> {
    const known = new Set(this.live.map(({ type, partition }) => `${type}/${partition}`));
    for (const place of (await this.history.placesAt(this.endpoint.at)).map(placeOf)) {
      if (!known.has(`${place.type}/${place.partition}`)) this.live.push(new Cursor({ ...place, end: null }));
    }
  }

  /** The next event; null where there is none yet. */
  async next(): Promise<Begun | null> {
    const news = await this.nextOf(this.live);
    if (news !== null) return news;
    for (const cursors of this.replays.values()) {
      const old = await this.nextOf(cursors);
      if (old !== null) return old;
    }
    return null;
  }

  /** One record again. Null: the log no longer has it, or nobody wants it any more. */
  async again(place: Parameters<typeof placeInLog>[0]): Promise<Entry | null> {
    const { entries } = await this.history.read(placeInLog(place), 1);
    const found = entries.filter(({ offset }) => offset === place.offset);
    return this.wanted(found)[0] ?? null;
  }

  private async range(since: Millis, until: Millis): Promise<Cursor[]> {
    const ends = (await this.history.placesAt(until)).map(placeOf);
    const begins = (await this.history.placesAt(since)).map(placeOf);
    return begins.flatMap((begin) => {
      const end = ends.find(({ type, partition }) => type === begin.type && partition === begin.partition);
      return end !== undefined && begin.offset < end.offset ? [new Cursor({ ...begin, end: end.offset })] : [];
    });
  }

  private async nextOf(cursors: readonly Cursor[]): Promise<Begun | null> {
    for (let looked = 0; looked < cursors.length; looked++) {
      const cursor = cursors[(this.turn + looked) % cursors.length] as Cursor;
      const entry = cursor.begin() ?? (await this.readOn(cursor));
      if (entry === null) continue;
      this.turn = (this.turn + looked + 1) % cursors.length;
      return { entry, cursor };
    }
    return null;
  }

  /** Reads until something is wanted, or there is nothing more. */
  private async readOn(cursor: Cursor): Promise<Entry | null> {
    while (!cursor.isRead) {
      const { entries, nextOffset, lost } = await this.history.read(placeInLog(cursor), READ_MAX);
      this.lostRecords += lost;
      if (nextOffset === cursor.offset) return null;
      this.moved = true;
      cursor.keep(this.wanted(entries), nextOffset);
      const entry = cursor.begin();
      if (entry !== null) return entry;
    }
    return null;
  }

  private wanted(
    entries: readonly { readonly offset: number; readonly at: Millis; readonly value: DeliveryResult }[],
  ): Entry[] {
    const { tenant, events } = this.endpoint;
    return entries.flatMap(({ offset, at, value }) => {
      if (value.tenant !== tenant) return [];
      const event = webhookEventOf(value);
      const isWanted = event !== null && (events.length === 0 || events.includes(event));
      return isWanted ? [{ offset, at, event, result: value }] : [];
    });
  }
}
