// The palette: text can be read in both themes (WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for the outlines
// of controls).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = (name) => readFileSync(new URL(`../../web/styles/${name}.css`, import.meta.url), 'utf8');
const blocks = [...css('tokens').matchAll(/\{([^{}]*color-scheme[^{}]*)\}/g)].map(([, body]) =>
  Object.fromEntries([...body.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value])));
const [light, dark, systemDark] = blocks;

const pairs = [
  ['text', 'canvas'], ['text', 'side'], ['text', 'raised'], ['text', 'code'],
  ['muted', 'canvas'], ['muted', 'side'], ['muted', 'raised'],
  ['link', 'canvas'], ['link', 'raised'], ['on-accent', 'accent'], ['on-accent', 'accent-strong'],
  ['on-soft', 'soft'], ['danger', 'raised'], ['danger', 'canvas'], ['danger', 'danger-soft'],
  ['muted', 'danger-soft'], ['warn', 'warn-soft'], ['new', 'canvas'],
];
const outlines = [
  ['line-strong', 'raised'], ['accent', 'canvas'], ['accent', 'raised'], ['accent', 'side'],
  ['online', 'side'], ['away', 'side'], ['line-strong', 'side'],
];

for (const [theme, colours] of [['light', light], ['dark', dark]]) {
  test(`contrast in the ${theme} theme`, () => {
    for (const [least, list] of [[4.5, pairs], [3, outlines]]) {
      for (const [front, back] of list) {
        const ratio = contrast(colours[front], colours[back]);
        assert.ok(ratio >= least, `${front} on ${back}: ${ratio.toFixed(2)}, at least ${least}`);
      }
    }
  });
}

test('initials can be read on every avatar', () => {
  const hues = [...css('base').matchAll(/\.hue-\d \{ background: (#[0-9a-f]{6}); \}/g)].map(([, hue]) => hue);
  assert.equal(hues.length, 8);
  for (const hue of hues) assert.ok(contrast('#ffffff', hue) >= 4.5, hue);
});

test('a chosen dark theme is the system\'s dark theme', () => {
  assert.equal(blocks.length, 3);
  assert.deepEqual(dark, systemDark);
  assert.deepEqual(Object.keys(light).sort(), Object.keys(dark).sort());
});

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
