import fc from 'fast-check';
import { mergeScope } from '../../../src/domain/template.ts';
import { compilePart, fill, type Part } from '../../../src/templates/part.ts';

const NAMES = ['name', 'order', 'order.city', 'order.size', 'true', 'name.first', 'missing', 'link'];
const stretches = fc.oneof(
  fc.constantFrom(
    '<p>',
    '</p>',
    ' ',
    '\n',
    'Dear ',
    '<a href="{{ link }}">x</a>',
    '<b style="color: {{ name }}">y</b>',
  ),
  fc
    .tuple(fc.constantFrom(...NAMES), fc.constantFrom('{{', '{{ ', '{{- '), fc.constantFrom('}}', ' }}', ' -}}'))
    .map(([name, open, close]) => `${open}${name}${close}`),
  fc.constant("{{ name | default: 'you' }}"),
);
const values = fc.oneof(
  fc.constantFrom('', 'Ann', '<b>&"\'`', 'https://x.example/?a=1&b=2', 'javascript:1', 'two\nlines', 'red; x: url(1)'),
  fc.string(),
);

const byEngine = (part: Part): Part => ({ ...part, plain: null });

it('a part of names alone is filled as the engine fills it, and refuses what it refuses', () => {
  let plain = 0;
  fc.assert(
    fc.property(
      fc.array(stretches, { minLength: 1, maxLength: 8 }),
      fc.record({ name: values, city: values, link: values }, { requiredKeys: [] }),
      fc.constantFrom('html', 'text'),
      fc.boolean(),
      (parts, { name, city, link }, writing, oneLine) => {
        const compiled = compilePart('html', parts.join(''), writing as 'html' | 'text', oneLine);
        if (!compiled.ok) return;
        if (compiled.part.plain !== null) plain++;
        const given = { name, 'order.city': city, link };
        const pairs = Object.entries(given).flatMap(([key, value]) =>
          value === undefined ? [] : [{ name: key, value }],
        );
        const made = mergeScope(pairs, { recipient: null, unsubscribe_url: null, view_url: null });
        if (!made.ok) return;
        expect(fill(compiled.part, made.scope)).toEqual(fill(byEngine(compiled.part), made.scope));
      },
    ),
    { numRuns: 500 },
  );
  expect(plain).toBeGreaterThan(50);
});
