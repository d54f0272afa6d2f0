import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionOf } from '../../../src/cli/connection.ts';
import type { ProcessContext } from '../../../src/cli/context.ts';
import { DATA_DIRECTORY } from '../../../src/cli/data-directory.ts';
import { type Status, writeStatus } from '../../../src/cli/status-file.ts';

const running: Status = {
  brokers: ['127.0.0.1:19092'],
  schemaRegistry: 'http://127.0.0.1:18081',
  redis: null,
  api: null,
  submission: null,
  submissionCertificate: null,
  metrics: null,
  console: null,
  simulatorSmtp: null,
  simulatorJournal: null,
  dkimRecords: {},
  processes: [],
};

describe('where a command finds the pipeline', () => {
  let workingDirectory: string;
  const context = (environment: ProcessContext['environment'] = {}): ProcessContext => ({
    environment,
    workingDirectory,
    self: ['node', 'main.ts'],
    print: () => undefined,
    tell: () => undefined,
    roles: {},
    interrupted: new AbortController().signal,
  });

  beforeEach(async () => {
    workingDirectory = await mkdtemp(join(tmpdir(), 'postlane-connection-'));
  });

  afterEach(async () => {
    await rm(workingDirectory, { recursive: true, force: true });
  });

  it('is where the configuration says', async () => {
    expect(await connectionOf(context())).toMatchObject({
      brokers: ['127.0.0.1:9092'],
      schemaRegistryUrl: 'http://127.0.0.1:8081',
    });
  });

  it('is what was started in the same directory and still runs, unless something else is named', async () => {
    await mkdir(join(workingDirectory, DATA_DIRECTORY));
    await writeStatus(join(workingDirectory, DATA_DIRECTORY), running);
    expect(await connectionOf(context())).toMatchObject({
      brokers: running.brokers,
      schemaRegistryUrl: running.schemaRegistry,
    });
    expect(await connectionOf(context({ KAFKA_BROKERS: 'kafka:9092' }))).toMatchObject({ brokers: ['kafka:9092'] });
  });
});
