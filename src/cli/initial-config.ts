import { PRESETS, type PresetName } from '../config/presets.ts';

/** What `postlane init` was told. */
export interface Answers {
  readonly preset: PresetName;
  /** Domain that mail comes from. */
  readonly domain: string;
  /** The provider's relay; null: the one that the environment names, else this machine. */
  readonly relay: { readonly host: string; readonly port: number } | null;
}

const DAILY_MAX_STARTUP = 10_000;
const DAILY_MAX_MID_SIZE = 100_000;

/** The row of the decision matrix: by volume, unless there are several regions. */
export function presetFor(mailsPerDay: number, regions: number): PresetName {
  if (regions > 1) return 'global';
  if (mailsPerDay <= DAILY_MAX_STARTUP) return 'startup';
  return mailsPerDay <= DAILY_MAX_MID_SIZE ? 'mid-size' : 'enterprise';
}

/** The file that `postlane init` writes: the preset, and what only its owner knows. */
export function initialConfig({ preset, domain, relay }: Answers): string {
  const { summary, approach } = PRESETS[preset];
  return `# ${summary}: ${approach}
# \`npx postlane config show --explain\` prints every setting with its reason. What is written here outranks the preset; growing is a change
# of this line (docs/presets.md).
preset: ${preset}
${preset === 'global' ? REGIONS : ''}
# The provider's relay, which every source uses that names no host of its own.
relay:
${relay === null ? RELAY_BY_ENVIRONMENT : relayLines(relay)}
senders:
  domains:
    - name: ${domain}
      return_path: bounces.${domain}
      dkim:
        - selector: postlane-1
          algorithm: rsa-sha256
          private_key: file:\${POSTLANE_STATE_DIR:-.postlane}/keys/${domain}/postlane-1.pem

# Signs return paths, so that a bounce cannot be forged.
verp:
  key: file:\${POSTLANE_STATE_DIR:-.postlane}/keys/verp.key
`;
}

const REGIONS = `
# With these each region has topics and workers of its own, and mail of a strict one never leaves it (docs/regions.md). Decide before
# the first mail: it changes the names of all topics.
# regions: { eu: { residency: strict }, us: { residency: prefer }, ap: { residency: prefer } }
`;

const RELAY_BY_ENVIRONMENT = `  host: \${RELAY_HOST:-127.0.0.1}
  port: \${RELAY_PORT:-2525}
  tls: \${RELAY_TLS:-opportunistic}   # starttls for a relay that is not on this machine
  # user: env:RELAY_USER               # or vault:…, aws-sm:…, file:… (docs/secrets.md)
  # password: env:RELAY_PASSWORD
`;

const IMPLICIT_TLS_PORT = 465;

const relayLines = ({ host, port }: { readonly host: string; readonly port: number }): string => `  host: ${host}
  port: ${port}
  tls: ${port === IMPLICIT_TLS_PORT ? 'implicit' : 'starttls'}
  user: env:RELAY_USER                 # better vault:…, aws-sm:… or file:… (docs/secrets.md)
  password: env:RELAY_PASSWORD
`;
