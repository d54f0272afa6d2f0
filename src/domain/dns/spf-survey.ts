import { type Asking, addressesOf, mxOf, valuesOf } from './lookup.ts';
import { isSpf, parseSpf, type SpfMechanism } from './spf-record.ts';

/** Records that a survey visits at most: far above the ten that count, and still an end. */
const VISITS_MAX = 40;

/**
 * Everything that a record leads to, whichever mail it is asked for. A receiver stops at the first match, so a fault behind
 * it strikes some mails only, and those of others in our name.
 */
export interface SpfSurvey {
  /** Terms that cause look-ups, in the whole tree. */
  lookups: number;
  /** Names that such terms lead to and that have nothing. */
  readonly voids: string[];
  /** Terms, of the record itself, that lead to a domain without a (valid) SPF record, and what is wrong with that. */
  readonly broken: { readonly term: string; readonly why: string }[];
  /** Domain that leads back to itself. */
  loop: string | null;
  /** A domain could not be asked: the counts are lower bounds. */
  incomplete: boolean;
}

/** Walks the whole tree below the record `text` of `domain`. */
export function* surveySpf(domain: string, text: string): Asking<SpfSurvey> {
  const survey: SpfSurvey = { lookups: 0, voids: [], broken: [], loop: null, incomplete: false };
  const visits = { left: VISITS_MAX };
  yield* visit({ domain, text, path: [domain], top: null }, survey, visits);
  return survey;
}

interface Place {
  readonly domain: string;
  readonly text: string;
  readonly path: readonly string[];
  /** The term of the surveyed record that led here; null in that record itself. */
  readonly top: string | null;
}

function* visit(place: Place, survey: SpfSurvey, visits: { left: number }): Asking<void> {
  const { mechanisms, redirect } = parseSpf(place.text);
  for (const mechanism of mechanisms) {
    if (mechanism.network !== null || mechanism.name === 'all') continue;
    survey.lookups += 1;
    const target = mechanism.domain ?? place.domain;
    if (target.includes('%')) continue; // differs with every mail
    if (mechanism.name === 'include') yield* follow(place, target, mechanism.text, survey, visits);
    else yield* resolveTarget(mechanism, target.toLowerCase(), survey);
  }
  const hasAll = mechanisms.some(({ name }) => name === 'all');
  if (redirect === null || hasAll) return; // RFC 7208 section 6.1: ignored beside an `all`
  survey.lookups += 1;
  if (!redirect.includes('%')) yield* follow(place, redirect, `redirect=${redirect}`, survey, visits);
}

function* follow(
  place: Place,
  target: string,
  term: string,
  survey: SpfSurvey,
  visits: { left: number },
): Asking<void> {
  const domain = target.replace(/\.$/, '').toLowerCase();
  const top = place.top ?? term;
  if (place.path.includes(domain)) {
    survey.loop ??= domain;
    return;
  }
  if (visits.left === 0) return;
  visits.left -= 1;
  const answer = yield { type: 'TXT', name: domain };
  if (answer.kind === 'failed') {
    survey.incomplete = true;
    return;
  }
  const records = valuesOf(answer).filter(isSpf);
  const [text] = records;
  const bad = text === undefined ? [] : parseSpf(text).badTerms;
  if (text === undefined) survey.broken.push({ term: top, why: `${domain} has no SPF record` });
  else if (records.length > 1) survey.broken.push({ term: top, why: `${domain} has ${records.length} SPF records` });
  else if (bad.length > 0) survey.broken.push({ term: top, why: `the record of ${domain} holds ${bad[0]}` });
  else yield* visit({ domain, text, path: [...place.path, domain], top }, survey, visits);
}

function* resolveTarget({ name }: SpfMechanism, target: string, survey: SpfSurvey): Asking<void> {
  if (name === 'ptr') return; // asks for the sender's address, not for a name
  if (name === 'mx') {
    const answer = yield { type: 'MX', name: target };
    if (answer.kind === 'failed') survey.incomplete = true;
    if (answer.kind === 'none' || mxOf(answer).every(({ host }) => host === '')) {
      if (answer.kind !== 'failed') survey.voids.push(target);
    }
    return;
  }
  const found = yield* addressesOf(target);
  if (found === null) survey.incomplete = true;
  else if (found.length === 0) survey.voids.push(target);
}
