// The outbox: every message sent once, in order, whatever happens on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HubError } from '../../web/sdk/index.js';
import { Outbox } from '../../web/sdk/outbox.js';
import { at, World } from './world.mjs';

const posted = (sequence, more = {}) =>
  ({ posted: { channel: 'c', position: at(sequence), event: 'e', at_ms: '5', ...more } });

function record(client) {
  const states = [];
  client.outbox.on('change', ({ text, state }) => states.push(`${text} ${state}`));
  return states;
}

test('pending, sending, sent', async () => {
  const world = new World();
  const client = await world.ready();
  const states = record(client);
  const entry = client.post('c', 'hello');
  await world.settle();
  const body = await world.reply('post', posted(7));
  assert.deepEqual(body, { channel: 'c', key: entry.key, text: 'hello' });
  assert.deepEqual(states, ['hello pending', 'hello sending', 'hello sent']);
  assert.equal(entry.posted.position.sequence, 7);
  assert.deepEqual(client.outbox.entries('c'), []);
});

test('one at a time and in order in a channel; channels do not wait for each other', async () => {
  const world = new World();
  const client = await world.ready();
  for (const text of ['1', '2', '3']) client.post('c', text);
  client.post('d', 'x');
  await world.settle();
  assert.deepEqual(world.socket.commands.map(({ body }) => body.text), ['1', 'x']);
  for (const text of ['1', '2', '3']) {
    world.socket.commands = world.socket.commands.filter(({ body }) => body.channel === 'c');
    assert.equal((await world.reply('post', posted(1))).text, text);
  }
});

test('written offline, sent when ready', async () => {
  const world = new World();
  const client = await world.client();
  client.post('c', 'a');
  client.post('c', 'b');
  assert.equal(client.outbox.pendingCount, 2);
  await world.welcome();
  assert.equal((await world.reply('post', posted(1))).text, 'a');
  assert.equal((await world.reply('post', posted(2))).text, 'b');
  assert.equal(client.outbox.pendingCount, 0);
});

test('a lost reply: the same key again, before what came later', async () => {
  const world = new World();
  const client = await world.ready();
  client.post('c', 'a');
  await world.settle();
  const { key } = world.socket.take('post').body;
  client.post('c', 'b');
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  const again = await world.reply('post', posted(1, { duplicate: true }));
  assert.deepEqual([again.key, again.text], [key, 'a']);
  assert.equal((await world.reply('post', posted(2))).text, 'b');
});

test('a post without an answer is asked again with its key', async () => {
  const world = new World();
  const client = await world.ready();
  client.post('c', 'a');
  await world.settle();
  const { key } = world.socket.take('post').body;
  await world.quiet(16_000);
  assert.equal((await world.reply('post', posted(1))).key, key);
});

test('refused for now: waits as told, and nothing overtakes', async () => {
  const world = new World();
  const client = await world.ready();
  client.post('c', 'a');
  client.post('c', 'b');
  await world.settle();
  await world.reply('post', { error: { code: 401, slug: 'rate_limited', retryable: true, retry_after_ms: 5_000 } });
  await world.advance(5_000);
  assert.ok(!world.socket.has('post'));
  await world.advance(1_000);
  assert.equal((await world.reply('post', posted(1))).text, 'a');
  assert.equal((await world.reply('post', posted(2))).text, 'b');
});

test('refused for good: failed, the next goes on; retry and discard', async () => {
  const world = new World();
  const client = await world.ready();
  const states = record(client);
  const a = client.post('c', 'a');
  client.post('c', 'b');
  await world.settle();
  await world.reply('post', { error: { code: 302, slug: 'not_member' } });
  assert.equal(a.state, 'failed');
  assert.equal(a.error.slug, 'not_member');
  await world.reply('post', posted(1));
  client.outbox.retry(a.key);
  await world.settle();
  assert.equal((await world.reply('post', { error: { code: 302, slug: 'not_member' } })).key, a.key);
  client.outbox.discard(a.key);
  assert.deepEqual(client.outbox.entries('c'), []);
  assert.deepEqual(states.filter((state) => state.startsWith('a')),
    ['a pending', 'a sending', 'a failed', 'a pending', 'a sending', 'a failed', 'a discarded']);
});

test('too long or empty is refused before it is taken', async () => {
  const world = new World();
  const client = await world.ready();
  client.post('c', 'é'.repeat(50));
  assert.throws(() => client.post('c', `${'é'.repeat(50)}x`), (error) => error.slug === 'too_large'
    && error.details[0].value === '100' && error.details[1].value === '101');
  assert.throws(() => client.post('c', ''), { slug: 'invalid_argument' });
  assert.equal(client.outbox.entries('c').length, 1);
});

/** A store as another load left it. */
function storeWith(...left) {
  const rows = new Map(left.map((entry) => [entry.key, entry]));
  return {
    rows,
    claim: async () => [...rows.values()],
    put: async (entry) => void rows.set(entry.key, entry),
    remove: async (key) => void rows.delete(key),
    clear: async () => rows.clear(),
    close: () => {},
  };
}
const left = (key, createdAtMs, failure = null) =>
  ({ key, channel: 'c', text: key, createdAtMs, order: 0, failure });

test('what an earlier load left is sent first, with its keys; what failed stays failed', async () => {
  const world = new World();
  const store = storeWith(left('old-2', 2), left('old-1', 1), left('bad', 0, 'forbidden'));
  const sent = [];
  const outbox = new Outbox({
    environment: world.environment, store: Promise.resolve(store),
    post: async ({ key }) => {
      sent.push(key);
      return { channel: 'c', position: { epoch: '1', sequence: sent.length }, event: '', at_ms: 0, duplicate: false };
    },
  });
  outbox.resume();
  await world.settle();
  outbox.add('c', 'new');
  await world.settle();
  assert.deepEqual(sent, ['old-1', 'old-2', 'key-1']);
  assert.deepEqual([...store.rows.keys()], ['bad']);
  assert.equal(outbox.entries('c')[0].error.slug, 'forbidden');
});

test('a store that fails does not keep messages from being sent', async () => {
  const world = new World();
  const broken = () => Promise.reject(new Error('disk full'));
  const store = { claim: broken, put: broken, remove: broken, clear: broken, close: () => {} };
  const sent = [];
  const outbox = new Outbox({
    environment: world.environment, store: Promise.resolve(store),
    post: async ({ text }) => void sent.push(text),
  });
  outbox.resume();
  outbox.add('c', 'a');
  await world.settle();
  await outbox.close({ forget: true });
  assert.deepEqual(sent, ['a']);
});

/** An outbox with a store of its own; `answers` says what becomes of each post in turn, by default its posting. */
function outboxWith(world, store, answers = []) {
  const sent = [];
  const outbox = new Outbox({
    environment: world.environment, store: Promise.resolve(store),
    post: async ({ key }) => {
      sent.push(key);
      const error = answers.shift();
      if (error) throw error;
      return { channel: 'c', position: { epoch: '1', sequence: sent.length }, event: '', at_ms: 0, duplicate: false };
    },
  });
  return { outbox, sent };
}

// Whatever wakes a channel that waits, by itself: nothing else happens that would send the message as well.
test('what an earlier load left is sent without anything being added', async () => {
  const world = new World();
  const { outbox, sent } = outboxWith(world, storeWith(left('old-2', 2), left('old-1', 1)));
  outbox.resume();
  await world.settle();
  assert.deepEqual(sent, ['old-1', 'old-2']);
});

test('what is added, tried again, or left by another tab is sent while the connection stands', async () => {
  const world = new World();
  const store = storeWith();
  const { outbox, sent } = outboxWith(world, store, [new HubError({ code: 302, slug: 'not_member' })]);
  outbox.resume();
  await world.settle();
  outbox.add('c', 'alone');
  await world.settle();
  assert.deepEqual(sent, ['key-1']);
  assert.equal(store.rows.get('key-1').failure, 'not_member', 'a reload would still know that it was refused');
  outbox.retry('key-1');
  await world.settle();
  assert.deepEqual(sent, ['key-1', 'key-1']);
  assert.equal(store.rows.size, 0);
  store.rows.set('other', left('other', 5));
  outbox.resume();
  await world.settle();
  assert.deepEqual(sent, ['key-1', 'key-1', 'other']);
});

test('a tab that comes to the front sends what a closed tab left', async () => {
  const world = new World();
  const client = await world.ready();
  client.outbox.store = Promise.resolve(storeWith(left('theirs', 1)));
  world.signal('wake');
  await world.settle();
  assert.equal((await world.reply('post', posted(1))).key, 'theirs');
});

test('an entry that is under way is not taken from the store again', async () => {
  const world = new World();
  const client = await world.ready();
  client.outbox.store = Promise.resolve(storeWith(left('mine', 1)));
  world.signal('wake');
  await world.settle();
  const [entry] = client.outbox.entries('c');
  assert.equal(entry.state, 'sending');
  world.signal('wake');
  await world.settle();
  assert.equal(client.outbox.entries('c')[0], entry);
  await world.reply('post', posted(1));
  assert.ok(!world.socket.has('post'));
  assert.deepEqual(client.outbox.entries('c'), []);
});

test('a message that meets an expired token waits for the next one', async () => {
  const world = new World();
  const client = await world.ready();
  const entry = client.post('c', 'a');
  await world.settle();
  await world.reply('post', { error: { code: 201, slug: 'token_expired' } });
  assert.equal(entry.state, 'pending');
  await world.quiet(1_000);
  assert.equal((await world.reply('post', posted(1))).key, entry.key);
});
