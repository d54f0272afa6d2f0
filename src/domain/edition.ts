import type { ReputationEditions } from '../contracts/generated.ts';
import { type ReputationOverrides, readOverrides } from './reputation-overrides.ts';
import { recipientIn } from './suppression.ts';

/** Key and name of the one row that says which edition of the reputation tables is in force. */
export const EDITIONS_KEY = 'reputation';

/** How it is as long as nothing was ever promoted. */
export const FIRST_EDITION: ReputationEditions = {
  name: EDITIONS_KEY,
  at: 0,
  active: 0,
  activeRules: '',
  standby: -1,
  standbyRules: '',
  last: 0,
};

/** What the keys of an edition's rows begin with. */
export const editionPrefix = (edition: number): string => (edition === 0 ? '' : `g${edition}/`);

/** The subject in the key of a row, if it is one of this edition; else null. */
export function subjectOfEdition(key: string, edition: number): string | null {
  const prefix = editionPrefix(edition);
  const subject = key.startsWith(prefix) ? key.slice(prefix.length) : '';
  return recipientIn(subject) !== null || subject.startsWith('identity:') ? subject : null;
}

/** An edition that is folded, and what it judges otherwise. */
export interface FoldedEdition {
  readonly edition: number;
  readonly overrides: ReputationOverrides;
}

/** Every edition that is to be kept up to date: the one in force, and the one beside it. */
export function foldedEditions(row: ReputationEditions): readonly FoldedEdition[] {
  const active = { edition: row.active, overrides: overridesIn(row.activeRules) };
  return row.standby < 0 ? [active] : [active, { edition: row.standby, overrides: overridesIn(row.standbyRules) }];
}

/** What was checked when it was promoted; anything that this version does not know counts for nothing. */
function overridesIn(text: string): ReputationOverrides {
  try {
    const read = readOverrides(JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>);
    return read.ok ? read.overrides : {};
  } catch {
    return {};
  }
}

/** The row that puts a new edition beside the one in force, where it is brought up to date. */
export const prepared = (row: ReputationEditions, overrides: ReputationOverrides, at: number): ReputationEditions => ({
  ...row,
  at,
  standby: row.last + 1,
  standbyRules: JSON.stringify(overrides),
  last: row.last + 1,
});

/** The row that puts the edition beside in force, and the other one beside it. */
export const switched = (row: ReputationEditions, at: number): ReputationEditions => ({
  ...row,
  at,
  active: row.standby,
  activeRules: row.standbyRules,
  standby: row.active,
  standbyRules: row.activeRules,
});
