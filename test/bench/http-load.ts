import { Agent, request } from 'node:http';
import { percentile, rounded } from './statistics.ts';

/** One answer. `ms` counts from when its request was due, so that a stall is not hidden by the requests that it held back. */
export interface Answer {
  /** 0: there was none. */
  readonly status: number;
  /** The mail's id, of a 202. */
  readonly id: string | null;
  readonly ms: number;
  /** When it was due, in ms of the load. */
  readonly atMs: number;
}

/** Many more than are under way at once, also while nobody is answered: waiting for a socket would look like waiting for the door. */
const SOCKETS_MAX = 8_192;
/** Beyond every promise of the door: a request that hangs for longer is given up, and counts as having hung. */
const HANG_MS = 15_000;

/** Asks at a given rate, whatever becomes of the answers. */
export class HttpLoad {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  private readonly rate: number;

  constructor(rate: number) {
    this.rate = rate;
  }

  post(url: string, key: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
    return new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        authorization: `Bearer ${key}`,
      };
      const options = { method: 'POST', agent: this.agent, headers, signal: AbortSignal.timeout(HANG_MS) };
      const asking = request(url, options, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      });
      asking.on('error', reject);
      asking.end(body);
    });
  }

  /** So many requests a second for so long, each at its own time, whatever became of those before it. */
  async run(url: string, key: string, seconds: number): Promise<readonly Answer[]> {
    const beganAt = performance.now();
    const count = Math.round(seconds * this.rate);
    const answers: Promise<Answer>[] = [];
    for (let n = 0; n < count; n++) {
      const atMs = (n * 1_000) / this.rate;
      const waitMs = beganAt + atMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      answers.push(this.ask(url, key, n, beganAt, atMs));
    }
    return Promise.all(answers);
  }

  close(): void {
    this.agent.destroy();
  }

  private async ask(url: string, key: string, n: number, beganAt: number, atMs: number): Promise<Answer> {
    const since = () => performance.now() - beganAt - atMs;
    try {
      const { status, text } = await this.post(url, key, JSON.stringify(mail(n)));
      const id = status === 202 ? (JSON.parse(text) as { id: string }).id : null;
      return { status, id, ms: since(), atMs };
    } catch {
      return { status: 0, id: null, ms: since(), atMs };
    }
  }
}

const mail = (n: number) => ({
  type: 'transactional',
  recipient: `user-${n}@inbox.example`,
  payload: { from: 'Shop <news@shop.example>', subject: `Order ${n}`, text: 'Thank you. '.repeat(100) },
});

export function figures(answers: readonly Answer[]) {
  const times = answers.map(({ ms }) => ms);
  const at = (share: number) => rounded(percentile(times, share), 1);
  const accepted = answers.filter(({ status }) => status === 202).length;
  return { requests: answers.length, accepted, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
