import type { CliContext } from './context.ts';
import { runDemo } from './demo/run.ts';
import { isConserved, type Summary } from './demo/summary.ts';
import { openTelemetry, withHost } from './open-host.ts';
import type { LocalStack } from './up.ts';

export interface DemoCommandOptions {
  readonly mails: number;
  readonly json: boolean;
}

/** Sends a demo load through a stack, prints what became of it, and answers whether the conservation law held. */
export async function demo(context: CliContext, stack: LocalStack, options: DemoCommandOptions): Promise<boolean> {
  // Its log shares the terminal with the progress of `up`: only what went wrong is worth a line.
  const telemetry = await openTelemetry(stack.config, 'demo', 'error');
  try {
    const summary = await withHost(stack.config, { telemetry, name: 'demo' }, (host) =>
      runDemo(host, {
        count: options.mails,
        journalUrl: String(stack.status().simulatorJournal),
        tell: context.tell,
        signal: context.interrupted,
      }),
    );
    context.print(options.json ? `${JSON.stringify(summary)}\n` : summaryTable(summary));
    return isConserved(summary);
  } finally {
    await telemetry.stop();
  }
}

/** What became of every kind of mail, one line each, and the account of them all. */
export function summaryTable(summary: Summary): string {
  const fates = Object.entries(summary.byFate).map(
    ([fate, endings]) =>
      [
        fate,
        Object.entries(endings ?? {})
          .map(([ending, count]) => `${count} ${ending}`)
          .join(', '),
      ] as const,
  );
  const { accepted, lost, duplicates, uncertain, malformed, msgPerSecond, latencyMs } = summary;
  const account = [
    ['accepted', String(accepted)],
    ['lost', String(lost)],
    ['duplicates', `${duplicates} (${uncertain} uncertain)`],
    ['not decodable', `${malformed.deadLetters} dead letters of ${malformed.published} records`],
    ['throughput', `${Math.round(msgPerSecond)} mails/s`],
    ['latency', `p50 ${latencyMs.p50 ?? '-'} ms, p99 ${latencyMs.p99 ?? '-'} ms`],
  ] as const;
  const rows = [...fates, ...account];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}
