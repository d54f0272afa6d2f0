import type { Score } from '../contracts/generated.ts';
import { topics } from '../contracts/topic.ts';
import { ViewFollower } from '../kafka/view-follower.ts';
import { openRegistryCodec } from '../registry/codec.ts';
import { Editions } from './edition-in-force.ts';
import type { Host } from './host.ts';
import { MemoryTable } from './memory-table.ts';

interface Heeded {
  readonly scores: MemoryTable<Score>;
  readonly editions: Editions;
  readonly followers: readonly ViewFollower[];
}

/**
 * How identities of ours are regarded in the regions that this one heeds. Their topics lie in this region's cluster under their
 * own names, whether they are written there or carried over. Nobody waits for them: while they are away, or not there at
 * all, what was last heard holds.
 */
export class HeededScores {
  private readonly regions: readonly Heeded[];
  private constructor(regions: readonly Heeded[]) {
    this.regions = regions;
  }

  static async open(host: Host): Promise<HeededScores> {
    const regions = await Promise.all((host.config.region?.heeds ?? []).map((region) => follow(host, region)));
    return new HeededScores(regions);
  }

  /** What is known of a subject, from every region that knows it. */
  of(subject: string): readonly Score[] {
    return this.regions.flatMap(({ scores, editions }) => scores.get(editions.prefix() + subject) ?? []);
  }

  async stop(): Promise<void> {
    await Promise.all(this.regions.flatMap(({ followers }) => followers.map((follower) => follower.stop())));
  }
}

async function follow({ kafka, clock, telemetry, config }: Host, region: string): Promise<Heeded> {
  const { url } = config.registry;
  const codec = await openRegistryCodec({ url, region, encodes: [], jobBytesMax: config.job.bytesMax });
  const reader = kafka.readerOf(region);
  const scores = new MemoryTable(topics.scores, codec, telemetry);
  const ofScores = new ViewFollower({ kafka: reader, topic: topics.scores.name, store: scores, clock, telemetry });
  const editions = new Editions({ codec, clock, telemetry, stalenessMs: () => ofScores.stalenessMs() });
  const topic = topics.reputationEditions.name;
  const followers = [ofScores, new ViewFollower({ kafka: reader, topic, store: editions.store, clock, telemetry })];
  void Promise.all(followers.map((follower) => follower.start())).then(
    () => editions.begin(),
    () => undefined,
  );
  return { scores, editions, followers };
}
