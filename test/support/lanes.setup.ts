import { LANES_VARIABLE, laneOf } from './lanes.ts';

/** Gives a suite the services of the lane that it runs in: two suites over one broker would take each other's mails. */
const lane = laneOf(process.env[LANES_VARIABLE], process.env.JEST_WORKER_ID);
if (lane !== null) Object.assign(process.env, lane);
