import type { Answer, Lookup, LookupFault } from '../domain/dns/lookup.ts';
import { fetchPolicy, type PolicyOptions } from './policy-fetch.ts';
import type { Lookup as Looked, Resolver } from './resolver.ts';

/** Answers what checks ask. Never throws, and answers within a bounded time. */
export interface LookUps {
  lookUp(lookup: Lookup): Promise<Answer>;
}

export interface LookUpsOptions {
  readonly resolver: Resolver;
  /** Asked about blocklists. Default: the same. */
  readonly blocklistResolver?: Resolver;
  readonly policy?: PolicyOptions;
}

/** Look-ups that are under way at once; more wait. */
const UNDER_WAY_MAX = 64;
/** Look-ups that may wait: a check makes some dozens. */
const WAITING_MAX = 100_000;
/** Characters of one value that are looked at. */
const VALUE_LENGTH_MAX = 16_384;

/** The same look-ups until the signal: from then on each fails at once, so that nobody who stops waits for a silent server. */
export function untilAborted(lookUps: LookUps, signal: AbortSignal): LookUps {
  const stopped: Answer = { kind: 'failed', fault: 'deadline' };
  const aborted = new Promise<Answer>((resolve) => {
    signal.addEventListener('abort', () => resolve(stopped), { once: true });
  });
  return {
    async lookUp(lookup) {
      return signal.aborted ? stopped : Promise.race([lookUps.lookUp(lookup), aborted]);
    },
  };
}

/** Look-ups over the resolver port. */
export class ResolverLookUps implements LookUps {
  private readonly options: LookUpsOptions;
  private readonly waiting: (() => void)[] = [];
  private underWay = 0;

  constructor(options: LookUpsOptions) {
    this.options = options;
  }

  async lookUp(lookup: Lookup): Promise<Answer> {
    // It makes look-ups of its own: holding a place meanwhile, many of them would wait for one another.
    if (lookup.type === 'POLICY') return fetchPolicy(this, lookup.name, this.options.policy);
    if (this.waiting.length >= WAITING_MAX) return { kind: 'failed', fault: 'deadline' };
    if (this.underWay >= UNDER_WAY_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.underWay += 1;
    try {
      const { resolver, blocklistResolver = resolver } = this.options;
      return await ask(lookup.blocklist ? blocklistResolver : resolver, lookup.type, lookup.name);
    } finally {
      this.underWay -= 1;
      this.waiting.shift()?.();
    }
  }
}

async function ask(resolver: Resolver, type: Exclude<Lookup['type'], 'POLICY'>, name: string): Promise<Answer> {
  switch (type) {
    case 'TXT':
      return answerOf(await resolver.txt(name), String);
    case 'MX':
      return answerOf(await resolver.mx(name), ({ preference, exchange }) => `${preference} ${exchange}`);
    case 'A':
      return answerOf(await resolver.a(name), String);
    case 'AAAA':
      return answerOf(await resolver.aaaa(name), String);
    case 'PTR':
      return answerOf(await resolver.ptr(name), String);
    case 'CNAME':
      return answerOf(await resolver.cname(name), String);
  }
}

function answerOf<T>(looked: Looked<T>, text: (record: T) => string): Answer {
  switch (looked.kind) {
    case 'found':
      return { kind: 'records', values: looked.records.map((record) => text(record).slice(0, VALUE_LENGTH_MAX)) };
    case 'none':
      return { kind: 'none', exists: true };
    case 'no-such-name':
      return { kind: 'none', exists: false };
    case 'unknown':
      if (looked.code === 'EBADNAME') return { kind: 'none', exists: false }; // it cannot exist
      return { kind: 'failed', fault: FAULTS[looked.code] ?? 'server-failure' };
  }
}

/** By the codes of node:dns. */
const FAULTS: Readonly<Record<string, LookupFault>> = {
  ETIMEOUT: 'timeout',
  ECONNREFUSED: 'unreachable',
  ECANCELLED: 'unreachable',
  EREFUSED: 'refused',
  EBADRESP: 'malformed',
  EFORMERR: 'malformed',
};
