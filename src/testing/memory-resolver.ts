import type { Lookup, MxRecord, Resolver } from '../dns/resolver.ts';
import type { ZoneRecord } from '../domain/dns/finding.ts';
import { parseAddress, reverseName } from '../domain/dns/ip.ts';

/** A record of a zone in memory; an alias may stand there too. */
export type MemoryRecord = Omit<ZoneRecord, 'type'> & { readonly type: ZoneRecord['type'] | 'CNAME' | 'NS' };

/** Aliases that are followed before an answer counts as a loop. */
const ALIASES_MAX = 8;

/** A resolver over records in memory. It follows aliases as a recursive one does. */
export class MemoryResolver implements Resolver {
  private readonly records: readonly MemoryRecord[];

  constructor(records: readonly MemoryRecord[]) {
    this.records = records;
  }

  async txt(name: string): Promise<Lookup<string>> {
    return this.find('TXT', name);
  }

  async mx(name: string): Promise<Lookup<MxRecord>> {
    const found = this.find('MX', name);
    if (found.kind !== 'found') return found;
    const records = found.records.map((value) => {
      const [preference, exchange = ''] = value.split(' ');
      return { preference: Number(preference), exchange };
    });
    return { kind: 'found', records };
  }

  async a(name: string): Promise<Lookup<string>> {
    return this.find('A', name);
  }

  async aaaa(name: string): Promise<Lookup<string>> {
    return this.find('AAAA', name);
  }

  async ptr(address: string): Promise<Lookup<string>> {
    const octets = parseAddress(address);
    return octets === null ? { kind: 'unknown', code: 'EINVAL' } : this.find('PTR', reverseName(octets));
  }

  async cname(name: string): Promise<Lookup<string>> {
    return this.find('CNAME', name);
  }

  async ns(name: string): Promise<Lookup<string>> {
    return this.find('NS', name);
  }

  private find(type: MemoryRecord['type'], name: string, aliasesLeft = ALIASES_MAX): Lookup<string> {
    const here = this.records.filter((record) => record.name === name.toLowerCase());
    const records = here.filter((record) => record.type === type).map(({ value }) => value);
    if (records.length > 0) return { kind: 'found', records };
    const alias = here.find((record) => record.type === 'CNAME');
    if (alias && aliasesLeft > 0) return this.find(type, alias.value, aliasesLeft - 1);
    const exists = this.records.some((record) => record.name === name || record.name.endsWith(`.${name}`));
    return { kind: exists ? 'none' : 'no-such-name' };
  }
}
