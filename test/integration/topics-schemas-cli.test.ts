import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { runProgram } from '../../src/cli/program.ts';
import { withInfra } from '../support/infra.ts';

jest.setTimeout(60_000);

describe('postlane topics and postlane schemas', () => {
  const infra = withInfra();
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postlane-cli-'));
    await postlane('topics apply');
    await postlane('schemas apply');
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** Runs a command line against the infrastructure, with postlane.yaml as given. */
  async function postlane(command: string, config = '') {
    await writeFile(join(directory, 'postlane.yaml'), config);
    const printed: string[] = [];
    const told: string[] = [];
    const status = await runProgram(command.split(' '), {
      environment: { KAFKA_BROKERS: infra().brokers.join(','), SCHEMA_REGISTRY_URL: infra().schemaRegistryUrl },
      workingDirectory: directory,
      self: ['node', 'postlane'],
      print: (text) => void printed.push(text),
      tell: (line) => void told.push(line),
      roles: {},
      interrupted: new AbortController().signal,
    });
    return { status, printed: printed.join(''), told: told.join('\n') };
  }
  const overriding = (topic: string, partitions: number) =>
    `topics: { overrides: [{ topic: ${topic}, partitions: ${partitions} }] }`;

  it('end with 0 where there is nothing to do', async () => {
    for (const command of ['topics plan --json', 'topics apply --json']) {
      const { status, printed, told } = await postlane(command);
      expect([told, status]).toEqual(['', 0]);
      expect(JSON.parse(printed)).toMatchObject({ creates: [], grows: [], alters: [], refusals: [] });
    }
    for (const command of ['schemas check', 'schemas apply']) {
      const { status, printed } = await postlane(command);
      expect([status, printed]).toEqual([0, expect.stringMatching(/^every schema (is|was) registered\n$/)]);
    }
  });

  it('end with 2 where something is to be done, and plan does not do it', async () => {
    const config = overriding('email.dead-letters', 5);
    for (let n = 0; n < 2; n++) {
      const { status, printed } = await postlane('topics plan', config);
      expect([status, printed]).toEqual([2, expect.stringContaining('grow    email.dead-letters: 3 → 5 partitions\n')]);
    }
  });

  it('end with 1 where state would be torn from its keys, and say what it costs', async () => {
    const config = overriding('email.domains', 9);
    const { status, printed } = await postlane('topics plan', config);
    expect([status, printed]).toEqual([1, expect.stringMatching(/refuse {2}email\.domains: 4 partitions.*older row/)]);
    const allowed = await postlane('topics plan --allow-state-growth', config);
    expect([allowed.status, allowed.printed]).toEqual([2, expect.stringMatching(/grow {4}email\.domains: 4 → 9/)]);
    expect((await postlane('topics apply', config)).status).toBe(1);
    expect((await postlane('topics plan')).status).toBe(0);
  });

  it('end with 2 where a subject lost its compatibility, and apply sets it back', async () => {
    await fetch(`${infra().schemaRegistryUrl}/config/email.scores-value`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'NONE' }),
    });
    const check = await postlane('schemas check');
    expect([check.status, check.printed]).toEqual([2, 'set      email.scores-value: NONE → FULL_TRANSITIVE\n']);
    expect((await postlane('schemas apply')).status).toBe(0);
    const json = await postlane('schemas check --json');
    expect(json.status).toBe(0);
    const { subjects } = JSON.parse(json.printed) as { subjects: { compatibility: string }[] };
    expect(new Set(subjects.map(({ compatibility }) => compatibility))).toEqual(new Set(['FULL_TRANSITIVE']));
  });
});
