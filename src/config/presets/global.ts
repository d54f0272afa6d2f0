import { EMAIL_TYPES as TYPES } from '../../domain/policy.ts';
import { ENTERPRISE } from './enterprise.ts';
import { over, type Preset, pool, setting } from './preset.ts';

/** What a source is called by ends with where it is. */
const REGIONS = ['eu', 'us', 'ap'] as const;
const sourcesOf = (type: string): readonly string[] => REGIONS.map((region) => `${type}-${region}`);

const LOCAL =
  'an address in each region: mail leaves where its recipient is, and a listing in one region leaves the others alone';

/** Pools and sources of the enterprise are not these: everything else is. */
const base = ENTERPRISE.settings.filter(({ path }) => !/^(?:pools|sources)\./.test(path));

export const GLOBAL: Preset = {
  summary: 'recipients, and laws about their data, in several regions',
  approach: 'workers and addresses in each region: short ways, and data that stays where it must. High cost.',
  settings: over(base, [
    ...TYPES.flatMap((type) => pool(`dedicated-${type}`, sourcesOf(type), LOCAL)),
    ...TYPES.flatMap((type) =>
      REGIONS.map((region) =>
        setting(
          `sources.${type}-${region}.region`,
          region,
          'whose it is once `regions` are declared: which data must stay where is for their owner to say',
        ),
      ),
    ),
    setting('kafka.session_timeout', '45s', 'members are further away: a lost packet is no lost member'),
    setting('kafka.rebalance_timeout', '90s', 'not shorter than two sessions'),
    setting('api.accept_timeout', '8s', 'replication over distance takes its time before a 202 is true'),
    setting('secrets.timeout', '10s', 'the store may be in another region'),
  ]),
};
