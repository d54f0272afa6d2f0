/** What a replay may judge otherwise than the configuration says. Ratios are shares, 0.02 for 2 %. */
export interface ReputationOverrides {
  readonly bounce?: number;
  readonly complaint?: number;
  readonly action?: 'throttle' | 'pause' | 'alert';
  readonly minVolume?: number;
  readonly throttleScore?: number;
  readonly windowHours?: number;
  readonly complaintScope?: 'tenant' | 'all';
  readonly softBounces?: number;
  readonly initialVolume?: number;
  readonly dailyIncrease?: number;
  readonly maxDailyIncrease?: number;
}

interface Range {
  readonly min: number;
  readonly max: number;
}
const NUMBERS: Readonly<Record<string, Range>> = {
  bounce: { min: 0, max: 1 },
  complaint: { min: 0, max: 1 },
  minVolume: { min: 1, max: 1_000_000 },
  throttleScore: { min: 0, max: 1 },
  windowHours: { min: 1, max: 168 },
  softBounces: { min: 1, max: 5 },
  initialVolume: { min: 1, max: 1_000_000 },
  dailyIncrease: { min: 0, max: 10 },
  maxDailyIncrease: { min: 1, max: 100_000_000 },
};
const WORDS: Readonly<Record<string, readonly string[]>> = {
  action: ['throttle', 'pause', 'alert'],
  complaintScope: ['tenant', 'all'],
};

export type ReadOverrides =
  | { readonly ok: true; readonly overrides: ReputationOverrides }
  | { readonly ok: false; readonly problem: string };

/** Checks what was read of a file or a command line; nothing that is misspelt is passed over. */
export function readOverrides(given: Readonly<Record<string, unknown>>): ReadOverrides {
  const overrides: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    const range = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
    const words = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
    if (!range && !words) {
      const known = [...Object.keys(NUMBERS), ...Object.keys(WORDS)].join(', ');
      return { ok: false, problem: `there is no ${name}; there are ${known}` };
    }
    if (words && !words.includes(String(value))) {
      return { ok: false, problem: `${name} must be one of ${words.join(', ')}` };
    }
    if (range) {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
      if (typeof number !== 'number' || !(number >= range.min && number <= range.max)) {
        return { ok: false, problem: `${name} must be a number from ${range.min} to ${range.max}` };
      }
      overrides[name] = number;
    } else overrides[name] = value;
  }
  return { ok: true, overrides: overrides as ReputationOverrides };
}
