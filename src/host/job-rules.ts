import type { Config } from '../config/types.ts';
import { HEADER_NAMES_DEFAULT, type JobRules } from '../domain/job.ts';

/** What the configuration says about jobs, as router and worker check it. */
export const jobRulesOf = (config: Config): JobRules => ({
  sendAtMaxMs: config.router.sendAtMaxMs,
  headerNames: HEADER_NAMES_DEFAULT,
  region: config.region?.name ?? null,
});
