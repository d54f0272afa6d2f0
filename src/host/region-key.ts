import { createHmac } from 'node:crypto';
import type { Config } from '../config/types.ts';
import { VERP_KEY_BYTES_MIN } from '../smtp/verp-signer.ts';

/**
 * A key as a region has it: what one region has signed is nothing to another, although both are given the same secret. Without
 * regions it is the secret itself; so is one that is too short, which must not look like a good one to whoever refuses it.
 */
export const keyIn = (region: Config['region'] | undefined, key: Buffer): Buffer =>
  region == null || key.length < VERP_KEY_BYTES_MIN
    ? key
    : createHmac('sha256', key).update(`postlane region\0${region.name}`).digest();
