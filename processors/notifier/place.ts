import { topics } from '../../src/contracts/topic.ts';
import { EMAIL_TYPES } from '../../src/domain/policy.ts';
import type { HistoryPlace } from '../../src/runtime/history-port.ts';
import type { Place } from './step.ts';

/** The topics that endpoints are told of. */
export const RESULTS = EMAIL_TYPES.map((type) => topics.results(type));

const TOPIC_OF: ReadonlyMap<string, string> = new Map(EMAIL_TYPES.map((type) => [type, topics.results(type).name]));
const TYPE_OF: ReadonlyMap<string, string> = new Map([...TOPIC_OF].map(([type, topic]) => [topic, type]));

export const placeInLog = ({ type, partition, offset }: Place): HistoryPlace => ({
  topic: TOPIC_OF.get(type) ?? '',
  partition,
  offset,
});

export const placeOf = ({ topic, partition, offset }: HistoryPlace): Place => ({
  type: TYPE_OF.get(topic) ?? '',
  partition,
  offset,
});

/** Whether a row's place is one that this version knows. */
export const isKnownType = ({ type }: { readonly type: string }): boolean => TOPIC_OF.has(type);
