/** What can be asked of the DNS. `POLICY` is the MTA-STS policy of a domain, which lies on a web server (RFC 8461 section 3.3). */
export type LookupType = 'TXT' | 'MX' | 'A' | 'AAAA' | 'PTR' | 'CNAME' | 'POLICY';

export interface Lookup {
  readonly type: LookupType;
  /** Lower case, A-labels, no final dot; of PTR the address itself. */
  readonly name: string;
  /** Blocklists answer resolvers of their own choice only, so they may be asked through another one. */
  readonly blocklist?: boolean;
}

/** Why there is no answer: nothing can be concluded from it. */
export type LookupFault =
  | 'timeout' // nothing came within the time-out and its tries
  | 'unreachable' // the resolver's port is closed, or there is no way to it
  | 'refused' // it does not want to answer us
  | 'server-failure' // it could not find out, or DNSSEC does not validate
  | 'malformed' // what came is no DNS answer
  | 'deadline'; // the time or the number of look-ups for the whole check was used up

/**
 * `records`: at least one. TXT: its strings joined; MX: `10 mx.example.com`; the others as they are written, without final
 * dot; POLICY: the file. `none`: an answer that says so; the name may exist with records of other types.
 */
export type Answer =
  | { readonly kind: 'records'; readonly values: readonly string[] }
  | { readonly kind: 'none'; readonly exists: boolean }
  | { readonly kind: 'failed'; readonly fault: LookupFault };

/** A check as a value: it yields what it wants to know, is given the answer, and returns what it found. No IO of its own. */
export type Asking<T> = Generator<Lookup, T, Answer>;

export interface MxRecord {
  readonly preference: number;
  /** Empty: the domain takes no mail (RFC 7505). */
  readonly host: string;
}

/** The MX records of an answer, most preferred first, in one order whatever the order of the answer was. */
export function mxOf(answer: Answer): readonly MxRecord[] {
  if (answer.kind !== 'records') return [];
  const records = answer.values.map((value) => {
    const [preference = '', host = ''] = value.split(' ');
    return { preference: Number(preference), host };
  });
  return records.sort((left, right) => left.preference - right.preference || (left.host < right.host ? -1 : 1));
}

export const valuesOf = (answer: Answer): readonly string[] => (answer.kind === 'records' ? answer.values : []);

/** The addresses of a host, both families; null where one could not be asked and the other had none. */
export function* addressesOf(host: string): Asking<readonly string[] | null> {
  const four = yield { type: 'A', name: host };
  const six = yield { type: 'AAAA', name: host };
  const found = [...valuesOf(four), ...valuesOf(six)];
  if (found.length === 0 && (four.kind === 'failed' || six.kind === 'failed')) return null;
  return found;
}
