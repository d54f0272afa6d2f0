/** What a member says of itself when it joins. */
export interface Member {
  readonly id: string;
  readonly topics: readonly string[];
  /** What it was assigned last, and in which generation; empty for a new member, or one of an unknown version. */
  readonly previous: Assignment;
  readonly generation: number;
}

/** Partitions per topic. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

type Building = Map<string, number[]>;

/**
 * Gives every partition to exactly one member. Every topic is spread evenly (the members' counts differ by at most one),
 * and so is the total, as long as all members take the same topics. A partition stays with its last owner unless that
 * would give the owner more than its share. The same members and partitions always give the same answer, whatever their order.
 */
export function assignSticky(
  members: readonly Member[],
  partitions: ReadonlyMap<string, number>,
): Map<string, Assignment> {
  const ordered = [...members].sort((a, b) => compare(a.id, b.id));
  const assigned = new Map<string, Building>(ordered.map(({ id }) => [id, new Map()]));
  const totals = new Map<string, number>(ordered.map(({ id }) => [id, 0]));
  for (const topic of [...partitions.keys()].sort(compare)) {
    const takers = ordered.filter(({ topics }) => topics.includes(topic));
    if (takers.length === 0) continue;
    const count = partitions.get(topic) ?? 0;
    const owners = previousOwners(takers, topic, count);
    const quotas = shareOut(takers, owners, totals, count);
    for (const [id, taken] of deal(takers, owners, quotas, count)) {
      if (taken.length > 0) assigned.get(id)?.set(topic, taken);
      totals.set(id, (totals.get(id) ?? 0) + taken.length);
    }
  }
  return assigned;
}

/** Who had each partition last. Of two who say so, the one of the later generation; a member that was away does not know better. */
function previousOwners(takers: readonly Member[], topic: string, count: number): (string | undefined)[] {
  const owners = new Array<string | undefined>(count).fill(undefined);
  const since = new Array<number>(count).fill(-1);
  for (const { id, previous, generation } of takers) {
    for (const partition of previous.get(topic) ?? []) {
      if (partition < 0 || partition >= count || generation <= (since[partition] as number)) continue;
      owners[partition] = id;
      since[partition] = generation;
    }
  }
  return owners;
}

/** How many each gets: the even share, and what is left over to those with the least so far, before others to who had more. */
function shareOut(
  takers: readonly Member[],
  owners: readonly (string | undefined)[],
  totals: ReadonlyMap<string, number>,
  count: number,
): Map<string, number> {
  const share = Math.floor(count / takers.length);
  const leftOver = count % takers.length;
  const had = new Map<string, number>();
  for (const owner of owners) if (owner !== undefined) had.set(owner, (had.get(owner) ?? 0) + 1);
  const total = ({ id }: Member) => totals.get(id) ?? 0;
  const hadOf = ({ id }: Member) => had.get(id) ?? 0;
  const byClaim = [...takers].sort((a, b) => total(a) - total(b) || hadOf(b) - hadOf(a) || compare(a.id, b.id));
  return new Map(byClaim.map(({ id }, place) => [id, share + (place < leftOver ? 1 : 0)]));
}

/** Keeps what may be kept, and deals the rest to whoever is below their quota. */
function deal(
  takers: readonly Member[],
  owners: readonly (string | undefined)[],
  quotas: ReadonlyMap<string, number>,
  count: number,
): Map<string, number[]> {
  const dealt = new Map<string, number[]>(takers.map(({ id }) => [id, []]));
  const hasRoom = (id: string) => (dealt.get(id)?.length ?? 0) < (quotas.get(id) ?? 0);
  const free: number[] = [];
  for (let partition = 0; partition < count; partition++) {
    const owner = owners[partition];
    if (owner !== undefined && hasRoom(owner)) dealt.get(owner)?.push(partition);
    else free.push(partition);
  }
  let turn = 0;
  for (const partition of free) {
    while (!hasRoom((takers[turn % takers.length] as Member).id)) turn++;
    dealt.get((takers[turn++ % takers.length] as Member).id)?.push(partition);
  }
  for (const taken of dealt.values()) taken.sort((a, b) => a - b);
  return dealt;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What a member carries in its join request, so that whoever leads can leave partitions where they are. */
export function encodeMemory(generation: number, assignment: Assignment, nonce: number): Buffer {
  return Buffer.from(JSON.stringify({ generation, nonce, owned: Object.fromEntries(assignment) }));
}

/** Reads it back. What another version or another assignor wrote counts as no memory at all. */
export function decodeMemory(bytes: Buffer | null): { readonly generation: number; readonly previous: Assignment } {
  const nothing = { generation: -1, previous: new Map<string, readonly number[]>() };
  try {
    const memory: unknown = JSON.parse(bytes?.toString('utf8') ?? '');
    if (typeof memory !== 'object' || memory === null) return nothing;
    const { generation, owned } = memory as { generation?: unknown; owned?: unknown };
    if (!Number.isSafeInteger(generation) || typeof owned !== 'object' || owned === null) return nothing;
    const previous = new Map<string, readonly number[]>();
    for (const [topic, taken] of Object.entries(owned)) {
      if (Array.isArray(taken) && taken.every(Number.isSafeInteger)) previous.set(topic, taken);
    }
    return { generation: generation as number, previous };
  } catch {
    return nothing;
  }
}
