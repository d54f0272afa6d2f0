import type { SimulatedDay } from './warm-up.ts';

const WIDTH = 900;
const HEIGHT = 360;
const MARGIN = 60;

/** Per day over all providers: what was allowed, sent, and left over. */
export function totals(days: readonly SimulatedDay[]): readonly Omit<SimulatedDay, 'provider' | 'verdict'>[] {
  const byDay = new Map<number, Omit<SimulatedDay, 'provider' | 'verdict'>>();
  for (const { provider: _, verdict: __, ...one } of days) {
    const sum = byDay.get(one.day);
    byDay.set(
      one.day,
      sum === undefined
        ? one
        : {
            day: one.day,
            wanted: sum.wanted + one.wanted,
            allowed: sum.allowed + one.allowed,
            sent: sum.sent + one.sent,
            overflowed: sum.overflowed + one.overflowed,
            held: sum.held + one.held,
            bounced: sum.bounced + one.bounced,
            complained: sum.complained + one.complained,
          },
    );
  }
  return [...byDay.values()];
}

/** The days as an SVG picture: bars for what the new source sent, a line for what it was allowed. */
export function plotOf(days: readonly SimulatedDay[]): string {
  const all = totals(days);
  const highest = Math.max(1, ...all.map(({ allowed, sent }) => Math.max(allowed, sent)));
  const step = (WIDTH - 2 * MARGIN) / Math.max(1, all.length);
  const x = (n: number) => Math.round((MARGIN + n * step) * 10) / 10;
  const y = (value: number) => Math.round((HEIGHT - MARGIN - (value / highest) * (HEIGHT - 2 * MARGIN)) * 10) / 10;
  const bars = all.map(({ day, sent }, n) => {
    const top = y(sent);
    return `<rect x="${x(n)}" y="${top}" width="${Math.round(step * 8) / 10}" height="${y(0) - top}"><title>day ${day}: ${sent} sent</title></rect>`;
  });
  const points = all.map(({ allowed }, n) => `${x(n + 0.4)},${y(allowed)}`).join(' ');
  const labels = all
    .filter(({ day }) => day === 1 || day % 7 === 0)
    .map(({ day }) => `<text x="${x(day - 1)}" y="${HEIGHT - MARGIN + 18}">${day}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>Warm-up: mails a day, allowed (line) and sent (bars)</title>`,
    `<text x="${MARGIN}" y="24">mails a day: allowed (line), sent by the new source (bars)</text>`,
    `<text x="4" y="${y(highest) + 4}">${highest}</text><text x="4" y="${y(0) + 4}">0</text>`,
    `<g fill="#7aa6c2">${bars.join('')}</g>`,
    `<polyline fill="none" stroke="#b3404a" stroke-width="2" points="${points}"/>`,
    `<g>${labels.join('')}</g>`,
    '</svg>\n',
  ].join('\n');
}
