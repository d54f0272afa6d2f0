import type { MetricDeclaration } from './metric.ts';
import { DELIVERY_METRICS } from './metrics-of-delivery.ts';
import { DOOR_METRICS } from './metrics-of-doors.ts';
import { SENDER_METRICS } from './metrics-of-senders.ts';

/** Every metric there is. Counting under a name that is not here is a bug and crashes, so a graph cannot be silently empty. */
export const METRICS: readonly MetricDeclaration[] = [...DELIVERY_METRICS, ...DOOR_METRICS, ...SENDER_METRICS];
