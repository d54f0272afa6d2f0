import type { LocalStack } from '../../src/cli/up.ts';
import { createKafka } from '../../src/kafka/client.ts';
import type { BareRoute } from './bare-http-process.ts';
import { type Answer, HttpLoad } from './http-load.ts';
import { Helper } from './processes.ts';

/** Each arm by turns, so that what else the machine does meets all of them. */
const ROUNDS = 3;
/** A shorter turn would tell of its beginning only. */
const TURN_SECONDS_MIN = 5;
const BARE_TOPIC = 'bench-bare';

/** What one arm asks, and what it was answered. */
export interface Arm {
  readonly says: string;
  readonly url: string;
  readonly load: HttpLoad;
  /** Whether the pipeline sends what it accepts. */
  readonly isSent: boolean;
  readonly answers: Answer[];
}

/** An arm whose load, and connections, are its own. */
export const armOf = async (says: string, url: string, rate: number, isSent: boolean): Promise<Arm> => ({
  says,
  url,
  load: await HttpLoad.start(rate),
  isSent,
  answers: [],
});

/** Bare routes in processes of their own: one for nobody, and one that hands the pipeline what the door would. */
export async function bareArms(stack: LocalStack, rate: number) {
  const { brokers, schemaRegistryUrl } = stack.infra;
  const admin = (await createKafka({ brokers, clientId: 'postlane-bench' })).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: BARE_TOPIC, numPartitions: 6 }] });
  await admin.disconnect();
  const start = async (says: string, to: BareRoute['to']) => {
    const helper = await Helper.start<object, { readonly url: string }>('bare-http-process.ts', { brokers, to });
    const { url } = await helper.ask({});
    return { arm: await armOf(says, `${url}/`, rate, !('topic' in to)), stop: () => helper.stop() };
  };
  const resting = await start('a bare route while the pipeline rests', { topic: BARE_TOPIC });
  const working = await start('a bare route for the pipeline', { schemaRegistryUrl });
  return {
    resting: resting.arm,
    working: working.arm,
    async stop() {
      for (const { arm, stop } of [resting, working]) {
        await arm.load.stop();
        await stop();
      }
    },
  };
}

/** Asks so many seconds of each arm, by turns; `allEnd` waits until the pipeline has ended what it was given meanwhile. */
export async function byTurns(
  arms: readonly Arm[],
  asked: { readonly key: string; readonly seconds: number },
  allEnd: (answers: readonly Answer[]) => Promise<void>,
  tell: (line: string) => void,
): Promise<void> {
  const rounds = Math.max(1, Math.min(ROUNDS, Math.floor(asked.seconds / TURN_SECONDS_MIN)));
  const seconds = asked.seconds / rounds;
  for (let round = 1; round <= rounds; round++) {
    for (const { says, url, load, isSent, answers } of arms) {
      tell(`round ${round} of ${rounds}, ${says}: ${seconds.toFixed(1)} s`);
      // Not pushed as arguments: a long load has more answers than a call may have.
      const given = await load.run(url, asked.key, seconds);
      for (const answer of given) answers.push(answer);
      if (isSent) await allEnd(given);
    }
  }
}
