import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '../../src/config/environment.ts';
import { packageRoot } from '../../src/infra/package-root.ts';
import type { Infra } from '../../src/infra/provider.ts';
import { waitFor } from '../../src/infra/wait.ts';
import { startTestInfra } from '../support/infra.ts';
import { provision } from '../support/provision.ts';
import { pythonWith } from '../support/python.ts';

const run = promisify(execFile);
const root = packageRoot();
const START_MS = 180_000;
const EXAMPLE_MS = 170_000;
const END_MS = 60_000;
/** Own to a checkout in which something runs. */
const NOT_SHARED = new Set(['.postlane', '.git', '.venv']);

/** A checkout of its own, so that the commands of a README find the `up` that was started in it, as they would in ours. */
let checkout: string;
let infra: Infra | undefined;
let up: ChildProcess;
let told = '';

const ownEnvironment = () => {
  const { KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL, ...own } = environment();
  return own;
};

/** The shell commands of an example's README: those to run, and those that run beside them until Ctrl-C. */
async function commandsOf(example: string): Promise<{ readonly main: string; readonly background: string | null }> {
  const readme = await readFile(join(root, 'examples', example, 'README.md'), 'utf8');
  const block = (mark: string) => new RegExp(`^\`\`\`sh${mark}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.[1] ?? null;
  const main = block('');
  if (main === null) throw new Error(`the README of ${example} has no commands`);
  return { main, background: block(' background') };
}

/** Maven lives for seconds here: the optimising compiler would only cost. */
const MAVEN_OPTS = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC';

const shell = async (commands: string): Promise<string> => {
  const env = { ...ownEnvironment(), MAVEN_OPTS };
  const options = { cwd: checkout, env, timeout: EXAMPLE_MS, maxBuffer: 10_000_000 };
  return withoutColours((await run('bash', ['-e', '-o', 'pipefail', '-c', commands], options)).stdout);
};

/** Maven resets colours that it never set, also where nobody sees them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what it looks for
const withoutColours = (text: string): string => text.replaceAll(/\u001b\[[0-9;]*m/g, '');

beforeAll(async () => {
  checkout = await mkdtemp(join(tmpdir(), 'postlane-examples-'));
  for (const name of await readdir(root)) {
    if (!NOT_SHARED.has(name)) await symlink(join(root, name), join(checkout, name));
  }
  // The packages are installed once for all runs: pip then finds them there. venv makes a folder of a link's name, so it is a copy.
  const python = await pythonWith(join(root, 'examples', 'kafka-python', 'requirements.txt'));
  await cp(dirname(dirname(python)), join(checkout, '.venv'), { recursive: true, verbatimSymlinks: true });
  // Its workers must find no other suite's mails.
  infra = await startTestInfra({ own: true });
  await provision(infra);
  up = spawn(process.execPath, [join(root, 'src', 'cli', 'main.ts'), 'up', '--no-demo', '--infra', 'given'], {
    cwd: checkout,
    env: {
      ...ownEnvironment(),
      KAFKA_BROKERS: infra.brokers.join(','),
      SCHEMA_REGISTRY_URL: infra.schemaRegistryUrl,
      ...(infra.redisUrl === null ? {} : { REDIS_URL: infra.redisUrl }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  up.stderr?.on('data', (chunk) => {
    told += chunk;
  });
  await waitFor('up to be up', () => (told.includes('Ctrl-C ends it') ? true : undefined), {
    deadlineMs: START_MS,
    hopeless: () => (up.exitCode === null ? undefined : { told }),
    diagnose: () => ({ told }),
  });
}, START_MS + 400_000);

afterAll(async () => {
  if (up?.exitCode === null) {
    const exited = once(up, 'exit');
    up.kill('SIGINT');
    await exited;
  }
  await infra?.stop();
  await rm(checkout, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}, END_MS);

describe('every example runs as its README says:', () => {
  it.each([
    ['http-typescript', [/^accepted \S{36}$/m, /^sent 250 /m]],
    ['kafka-python', [/"published": "order-python"/, /"kind": "ending"/, /"ending": "sent"/]],
    ['kafka-java', [/^published order-java/m, /"jobId": "order-java".*"kind": "ending".*"ending": "sent"/]],
    ['smtp-nodemailer', [/^250 2\.6\.0 accepted: \S{36}$/m]],
    ['smtp-python', [/^2\.6\.0 accepted: \S{36}$/m]],
  ])(
    '%s',
    async (example, expected) => {
      const printed = await shell((await commandsOf(example)).main);
      for (const pattern of expected) expect(printed).toMatch(pattern);
    },
    EXAMPLE_MS,
  );

  it(
    'kafka-typescript',
    async () => {
      const { main, background } = await commandsOf('kafka-typescript');
      await shell(main);
      // `exec`: Ctrl-C is meant for the last command.
      const lines = (background ?? '').trimEnd().split('\n');
      const commands = [...lines.slice(0, -1), `exec ${lines.at(-1)?.replace(/^npx /, 'node_modules/.bin/')}`].join(
        '\n',
      );
      const consumer = spawn('bash', ['-e', '-c', commands], {
        cwd: checkout,
        env: ownEnvironment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        let printed = '';
        consumer.stdout.on('data', (chunk) => {
          printed += chunk;
        });
        await waitFor(
          'the result to be printed',
          () => (/^order-4711-confirmation sent 250 /m.test(printed) ? true : undefined),
          { deadlineMs: EXAMPLE_MS, diagnose: () => ({ printed }) },
        );
        const exited = once(consumer, 'exit');
        consumer.kill('SIGINT');
        expect(await exited).toEqual([0, null]);
      } finally {
        consumer.kill('SIGKILL');
      }
    },
    EXAMPLE_MS,
  );

  it('and none is missing here', async () => {
    const entries = await readdir(join(root, 'examples'), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    expect(folders.sort()).toEqual([
      'http-typescript',
      'kafka-java',
      'kafka-python',
      'kafka-typescript',
      // Configurations to look at: docs/presets.md.
      'presets',
      'smtp-nodemailer',
      'smtp-python',
    ]);
  });
});
