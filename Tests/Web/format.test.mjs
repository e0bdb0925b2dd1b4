// What people read: errors that say what to do, times without what is in the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countText, errorText, sentence, shortTimeText, timeText } from '../../web/app/format.js';
import { HubError } from '../../web/sdk/index.js';

test('a page of another address is told which one to use', () => {
  const details = [{ name: 'public_url', value: 'https://hub.example.org' }];
  const text = errorText(new HubError({ code: 202, slug: 'forbidden', details }));
  assert.match(text, /^This hub is reached at https:\/\/hub\.example\.org\./u);
  assert.equal(errorText(new HubError({ code: 202, slug: 'forbidden' })), 'You are not allowed to do that.');
});

test('sentences have one full stop', () => {
  assert.equal(sentence('a channel needs a name.'), 'A channel needs a name.');
  assert.equal(sentence('must have 8 characters'), 'Must have 8 characters.');
  assert.equal(errorText(new HubError({ slug: 'conflict', message: 'somebody was faster' })), 'Somebody was faster.');
});

test('short times have no day period, and no leading zero where there is one', () => {
  const afternoon = new Date(2026, 10, 29, 16, 5).getTime();
  assert.match(shortTimeText(afternoon), /^(4:05|16:05)$/u);
  assert.ok(timeText(afternoon).startsWith(shortTimeText(afternoon)));
});

test('counts agree with their nouns', () => {
  assert.equal(countText(1, 'draft is', 'drafts are'), '1 draft is');
  assert.equal(countText(2, 'draft is', 'drafts are'), '2 drafts are');
});
