import { INBOUND_ROUTE, UNSUBSCRIBE_ROUTE } from '../config/relations.ts';
import type { Config } from '../config/types.ts';
import type { FeedbackRoute } from '../domain/feedback/route.ts';

/** Every route that feedback comes in by. */
export const feedbackRoutesOf = ({ webhooks }: Config): ReadonlyMap<string, FeedbackRoute> =>
  new Map<string, FeedbackRoute>([
    [INBOUND_ROUTE, { tenant: null, sources: [], signed: false }],
    [UNSUBSCRIBE_ROUTE, { tenant: null, sources: [], signed: true, ours: true }],
    ...webhooks.routes.map(({ name, tenant, sources }) => [name, { tenant, sources, signed: true }] as const),
  ]);
