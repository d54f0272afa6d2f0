import type { GuardedProcess } from '../../src/infra/guarded-process.ts';
import { waitFor } from '../../src/infra/wait.ts';
import type { JournalEntry } from '../../src/testing/simulator/index.ts';
import type { Workshop } from './workshop.ts';

const POLL_MS = 50;
const STALLED_MS = 90_000;

export type Accepted = Pick<JournalEntry, 'jobId' | 'at' | 'site'>;

/** The mailbox simulator in a process of its own: the same one for every arm. */
export class Sink {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  private readonly url: string;
  private readonly process: GuardedProcess;

  private constructor(process: GuardedProcess, addresses: { readonly smtp: string; readonly journal: string }) {
    this.process = process;
    this.pid = process.pid;
    this.url = addresses.journal;
    const [host, port] = addresses.smtp.split(':') as [string, string];
    this.host = host;
    this.port = Number(port);
  }

  static async start(workshop: Workshop): Promise<Sink> {
    let printed = '';
    const args = ['simulator', '--smtp-port', '0', '--http-port', '0'];
    const process = await workshop.postlane('simulator', args, {}, { watch: (text) => (printed += text) });
    const addresses = await waitFor('the simulator', () => (printed.includes('\n') ? JSON.parse(printed) : undefined), {
      deadlineMs: 30_000,
    });
    return new Sink(process, addresses);
  }

  /** How many mails were taken so far. */
  async count(): Promise<number> {
    const response = await fetch(`${this.url}/journal?limit=0`);
    await response.arrayBuffer();
    return Number(response.headers.get('x-journal-next'));
  }

  /** Waits until so many were taken in all; gives up when none come any more. */
  async waitForCount(count: number): Promise<void> {
    let before = -1;
    let changedAt = performance.now();
    for (;;) {
      const now = await this.count();
      if (now >= count) return;
      if (now !== before) {
        before = now;
        changedAt = performance.now();
      }
      if (performance.now() - changedAt > STALLED_MS)
        throw new Error(`the sink has ${now} mails of ${count}, and no more come`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** What was taken from the entry with that number on. */
  async accepted(from: number): Promise<readonly Accepted[]> {
    const text = await (await fetch(`${this.url}/journal?from=${from}`)).text();
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Accepted]));
  }

  /** Makes a recipient domain misbehave, or restores it. */
  async setSite(site: string, mode: string | null): Promise<void> {
    const url = `${this.url}/sites/${site}`;
    const response =
      mode === null
        ? await fetch(url, { method: 'DELETE' })
        : await fetch(url, { method: 'PUT', body: JSON.stringify({ mode }) });
    if (!response.ok) throw new Error(await response.text());
  }

  async stop(): Promise<void> {
    await this.process.stop({ withinMs: 5_000 });
  }
}
