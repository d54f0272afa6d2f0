import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The import law (DESIGN section 4): domain ← contracts ← runtime ← adapters ← cli; producers and processors know nobody
 * but the library; pure files touch nothing but values; a library has one home. Run by `npm run lint`.
 */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** npm packages (and node modules) that only one folder may import. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ['src/kafka/'],
  snappyjs: ['src/kafka/'],
  lz4js: ['src/kafka/'],
  '@kafkajs/confluent-schema-registry': ['src/registry/'],
  avsc: ['src/registry/', 'src/contracts/generate.ts'],
  nodemailer: ['src/smtp/'],
  'smtp-server': ['src/smtp/'],
  opossum: ['src/smtp/'],
  ioredis: ['src/limits/'],
  'rate-limiter-flexible': ['src/limits/'],
  lmdb: ['src/store/'],
  pino: ['src/telemetry/'],
  'prom-client': ['src/telemetry/'],
  fastify: ['src/http/'],
  mailparser: ['src/mime/'],
  libmime: ['src/mime/'],
  papaparse: ['src/rows/'],
  '@fastify/swagger-ui': ['src/http/'],
  ajv: ['src/http/'],
  'ajv-formats': ['src/http/'],
  'node:dns': ['src/dns/'],
  'node:dns/promises': ['src/dns/'],
  liquidjs: ['src/templates/'],
  commander: ['src/cli/'],
  'cli-progress': ['src/cli/'],
};

const PURE_FILE =
  /^(src\/(domain|runtime)\/|src\/contracts\/(topic|generated)\.ts$)|\/(accept|step|plan|settle)\.ts$|^processors\/[^/]+\/index\.ts$/;
const RUNTIME = /^src\/runtime\//;
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|\brequire\(\s*['"]([^'"]+)['"]\s*\)/g;

/** Things that a pure file must not name: clocks, chance, the process, timers. Comments are taken out before. */
const IMPURE: readonly { readonly pattern: RegExp; readonly what: string; readonly runtimeToo: boolean }[] = [
  { pattern: /\bDate\.now\s*\(|\bnew Date\(\s*\)|\bperformance\.now\b/, what: 'a clock', runtimeToo: true },
  { pattern: /\bMath\.random\b|\brandomUUID\b|\bgetRandomValues\b/, what: 'chance', runtimeToo: true },
  { pattern: /\bprocess\./, what: 'the process', runtimeToo: true },
  { pattern: /\bset(?:Timeout|Interval|Immediate)\s*\(/, what: 'a timer', runtimeToo: true },
  { pattern: /\bawait\b/, what: 'a wait', runtimeToo: false },
];

interface Rule {
  readonly from: RegExp;
  readonly mayReach: RegExp;
  readonly what: string;
}

/** Which relative imports a folder may make; the first rule whose `from` matches decides. */
const LAYERS: readonly Rule[] = [
  {
    from: /^src\/domain\//,
    mayReach: /^src\/(domain\/|contracts\/(generated|topic)\.ts)/,
    what: 'domain knows words only',
  },
  {
    from: /^src\/contracts\/(generated|topic)\.ts/,
    mayReach: /^src\/(domain|contracts)\//,
    what: 'contracts know the domain only',
  },
  { from: /^src\/contracts\//, mayReach: /^src\/(domain|contracts)\//, what: 'contracts know the domain only' },
  {
    from: /^src\/runtime\//,
    mayReach: /^src\/(domain|contracts|runtime)\//,
    what: 'the runtime knows contracts and domain',
  },
  {
    from: /^src\/cli\//,
    mayReach: /^(src|producers|processors)\//,
    what: 'the composition root stays inside the project',
  },
  { from: /^src\/index\.ts/, mayReach: /^(src|producers)\//, what: 'the package entry names what is public' },
  { from: /^src\//, mayReach: /^src\/(?!cli\/)/, what: 'adapters know nothing of cli, producers and processors' },
];

function layerOf(file: string): Rule | undefined {
  const own = /^(producers|processors)\/([^/]+)\//.exec(file);
  if (own) {
    const pattern = new RegExp(`^(src/(?!cli/)|${own[1]}/${own[2]}/)`);
    return { from: /./, mayReach: pattern, what: 'no producer or processor imports another, or the cli' };
  }
  return LAYERS.find((rule) => rule.from.test(file));
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|(^|[^:'"`])\/\/[^\n]*/g, (found) => found.replace(/[^\n]/g, ' '));

/** Violations of one file; `file` is relative to the root, with forward slashes. */
export function violationsOf(file: string, source: string): Violation[] {
  const found: Violation[] = [];
  const text = withoutComments(source);
  const pure = PURE_FILE.test(file);
  const add = (index: number, what: string) => found.push({ file, line: lineAt(text, index), what });
  for (const match of text.matchAll(IMPORT)) {
    const specifier = (match[1] ?? match[2] ?? match[3] ?? match[4]) as string;
    const at = match.index + match[0].indexOf(specifier);
    if (specifier.startsWith('.')) checkRelative(file, specifier, pure, (what) => add(at, what));
    else checkPackage(file, specifier, pure, (what) => add(at, what));
  }
  const environment = /\bprocess\.env\b/.exec(text);
  if (environment && file !== 'src/config/environment.ts')
    add(environment.index, 'process.env is read in src/config/environment.ts only');
  if (!pure) return found;
  for (const { pattern, what, runtimeToo } of IMPURE) {
    const match = pattern.exec(text);
    if (match && (runtimeToo || !RUNTIME.test(file))) add(match.index, `a pure file uses ${what}`);
  }
  return found;
}

function checkRelative(file: string, specifier: string, pure: boolean, add: (what: string) => void): void {
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const layer = layerOf(file);
  if (layer && !layer.mayReach.test(target)) add(`${layer.what}: imports ${target}`);
  const inOwnFolder = path.posix.dirname(target) === path.posix.dirname(file) && !file.startsWith('src/');
  if (pure && !inOwnFolder && !PURE_FILE.test(target)) add(`a pure file imports ${target}, which is not pure`);
}

function checkPackage(file: string, specifier: string, pure: boolean, add: (what: string) => void): void {
  if (pure) add(`a pure file imports ${specifier}`);
  const name = specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : specifier.startsWith('node:')
      ? specifier
      : specifier.split('/')[0];
  const homes = HOMES[name as string];
  if (homes && !homes.some((home) => file.startsWith(home))) add(`${name} lives in ${homes.join(' and ')}`);
}

/** Import cycles between files, each as the list of its files. */
export function cyclesOf(files: ReadonlyMap<string, string>): string[][] {
  const edges = new Map<string, string[]>();
  for (const [file, source] of files) {
    const targets: string[] = [];
    for (const match of withoutComments(source).matchAll(IMPORT)) {
      const specifier = match[1] ?? match[2] ?? match[3];
      // Types vanish at run time, so a cycle of types alone is none.
      if (specifier?.startsWith('.') && !/^\s*(import|export)\s+type\b/.test(match[0])) {
        targets.push(path.posix.join(path.posix.dirname(file), specifier));
      }
    }
    edges.set(file, targets);
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, trail: string[]): void => {
    const at = trail.indexOf(file);
    if (at >= 0) cycles.push([...trail.slice(at), file]);
    if (at >= 0 || done.has(file)) return;
    for (const target of edges.get(file) ?? []) walk(target, [...trail, file]);
    done.add(file);
  };
  for (const file of edges.keys()) walk(file, []);
  return cycles;
}

/** Every TypeScript file of the product, with its text. */
export function productFiles(root: string): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const name of readdirSync(path.join(root, folder))) {
      const file = path.posix.join(folder, name);
      if (statSync(path.join(root, file)).isDirectory()) visit(file);
      else if (file.endsWith('.ts')) files.set(file, readFileSync(path.join(root, file), 'utf8'));
    }
  };
  for (const folder of ['src', 'producers', 'processors']) visit(folder);
  return files;
}

if (import.meta.main) {
  const files = productFiles(path.resolve(import.meta.dirname, '../..'));
  const violations = [...files].flatMap(([file, source]) => violationsOf(file, source));
  for (const { file, line, what } of violations) console.error(`${file}:${line} ${what}`);
  const cycles = cyclesOf(files);
  for (const cycle of cycles) console.error(`import cycle: ${cycle.join(' → ')}`);
  console.log(`import law: ${files.size} files, ${violations.length} violations, ${cycles.length} cycles`);
  process.exitCode = violations.length + cycles.length > 0 ? 1 : 0;
}
