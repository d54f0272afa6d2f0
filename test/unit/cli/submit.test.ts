import { type BadLine, type SubmitOptions, submitJobs } from '../../../src/cli/submit.ts';
import { PostlaneError } from '../../../src/domain/error.ts';
import type { EmailJobInput } from '../../../src/domain/job-input.ts';

type Outcome = 'taken' | 'refused' | 'unavailable';

/** A publisher that answers by the job's `outcome`, which no real job has. */
function submitting(content: string, over: Partial<SubmitOptions> = {}) {
  const ids: unknown[] = [];
  const bad: BadLine[] = [];
  const publisher: SubmitOptions['publisher'] = {
    async publish(input: EmailJobInput) {
      ids.push(input?.id);
      const { outcome } = input as unknown as { readonly outcome?: Outcome };
      if (outcome === 'refused')
        throw new PostlaneError('JOB_REFUSED', { problem: 'recipient-invalid', detail: 'no-at' });
      if (outcome === 'unavailable') throw new PostlaneError('KAFKA_UNAVAILABLE', { what: 'publishing' });
      return { id: 'x', topic: 'email.ingest.marketing', partition: 0, offset: 0 };
    },
    room: () => new Promise((resolve) => setImmediate(resolve)),
    flush: async () => undefined,
  };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(content);
  }
  const submitted = submitJobs({
    chunks: chunks(),
    publisher,
    lineBytesMax: 10_000,
    idPrefix: null,
    onBad: (line) => void bad.push(line),
    onLine: () => undefined,
    signal: new AbortController().signal,
    ...over,
  });
  return { submitted, ids, bad };
}

describe('submitting a file', () => {
  it('publishes what can be published, and tells of the rest by line', async () => {
    const { submitted, bad } = submitting(
      '{"outcome":"taken"}\nno json\n\n{"outcome":"refused"}\n{"outcome":"taken"}\n',
    );
    expect(await submitted).toMatchObject({
      lines: 4,
      published: 2,
      bad: 2,
      failed: 0,
      lastLine: 5,
      firstFailedLine: null,
    });
    expect(bad).toEqual([
      { line: 2, problem: 'not-json', detail: expect.any(String), text: 'no json' },
      { line: 4, problem: 'recipient-invalid', detail: 'no-at', text: '{"outcome":"refused"}' },
    ]);
  });

  it('stops reading when no broker takes a job, and names the first line that was not taken', async () => {
    const lines = ['{"outcome":"taken"}', '{"outcome":"unavailable"}', ...Array(50).fill('{"outcome":"unavailable"}')];
    const outcome = await submitting(lines.join('\n')).submitted;
    expect(outcome).toMatchObject({ published: 1, firstFailedLine: 2, failure: { code: 'KAFKA_UNAVAILABLE' } });
    expect(outcome.lines).toBeLessThan(10);
  });

  it('gives jobs without an id one that is the same the next time', async () => {
    const { submitted, ids } = submitting('{"id":"own"}\n\n{}\n{}\n3\n[]', { idPrefix: 'spring' });
    await submitted;
    expect(ids).toEqual(['own', 'spring-3', 'spring-4', undefined, undefined]);
  });

  it('stops when told to, and still waits for what it has read', async () => {
    const stop = new AbortController();
    const lines = Array(100).fill('{"outcome":"taken"}').join('\n');
    const onLine = ({ lines: read }: { readonly lines: number }) => {
      if (read === 3) stop.abort();
    };
    expect(await submitting(lines, { signal: stop.signal, onLine }).submitted).toMatchObject({
      lines: 3,
      published: 3,
      lastLine: 3,
    });
  });

  it('waits for whoever is told of bad lines', async () => {
    let open = 0;
    let most = 0;
    const onBad = async () => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
    };
    const { submitted } = submitting(Array(200).fill('no json').join('\n'), { onBad });
    expect(await submitted).toMatchObject({ bad: 200 });
    expect([open, most]).toEqual([0, 1]);
  });
});
