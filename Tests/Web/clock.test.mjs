// Intervals go by a clock that nobody sets: the device's clock may be wrong, and may be set at any moment.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../web/sdk/outbox.js';
import { World } from './world.mjs';

const hour = 3_600_000;

for (const stepMs of [hour, -hour]) {
  const name = stepMs > 0 ? 'forward' : 'back';

  test(`a dead link is noticed when the clock was set ${name} an hour`, async () => {
    const world = new World();
    const client = await world.ready();
    await world.quiet(20_000);
    world.steppedMs = stepMs;
    await world.advance(5_000 + 7_999);
    assert.equal(client.state.name, 'ready', 'the ping has 8 s');
    await world.advance(1);
    assert.equal(client.state.name, 'waiting');
  });

  test(`a link that lives is left alone when the clock was set ${name} an hour`, async () => {
    const world = new World();
    const client = await world.ready();
    world.steppedMs = stepMs;
    await world.quiet(300_000);
    assert.equal(client.state.name, 'ready');
    assert.equal(world.sockets.length, 1);
  });

  test(`the token is renewed at its time when the clock was set ${name} an hour`, async () => {
    const world = new World();
    await world.ready();
    await world.quiet(400_000);
    world.steppedMs = stepMs;
    await world.quiet(409_999);
    assert.ok(!world.socket.has('refresh'));
    await world.quiet(1);
    assert.ok(world.socket.has('refresh'));
  });

  test(`a token says how long it lasts, whatever the clock says (${name})`, async () => {
    const world = new World();
    world.steppedMs = stepMs;
    const getToken = async () => ({ ...await world.getToken(), expiresInMs: world.tokenLifeMs });
    const client = await world.client({ getToken });
    await world.lose();
    await world.advance(600_000);
    while (client.state.name !== 'connecting') await world.advance(100);
    world.socket.open();
    assert.equal(world.socket.take('hello').body.token, 'token-1', 'it still lasts');
    assert.equal(client.state.name, 'connecting');
  });

  test(`a wait is as long as it was to be when the clock was set ${name} an hour`, async () => {
    const world = new World();
    const client = await world.ready();
    await world.lose();
    assert.equal(client.retryInMs, 250);
    world.steppedMs = stepMs;
    assert.equal(client.retryInMs, 250);
    await world.advance(249);
    assert.equal(client.retryInMs, 1);
    await world.advance(1);
    assert.equal(client.state.name, 'connecting');
    assert.equal(client.retryInMs, 0);
  });

  test(`a connection counts as good after five seconds, not after a set clock (${name})`, async () => {
    const world = new World();
    const client = await world.ready();
    await world.lose();
    await world.advance(client.retryInMs);
    await world.welcome();
    world.steppedMs = stepMs;
    await world.lose();
    assert.equal(client.retryInMs, 500, 'it did not last');
    await world.advance(client.retryInMs);
    await world.welcome();
    await world.advance(5_000);
    await world.lose();
    assert.equal(client.retryInMs, 250);
  });

  test(`messages keep the order of writing when the clock was set ${name} an hour`, async () => {
    const world = new World();
    // As if another tab had left one behind: what is taken over is sorted in.
    let left = [];
    const store = {
      claim: async () => left.splice(0), put: async () => {}, remove: async () => {}, clear: async () => {},
      close: () => {},
    };
    const sent = [];
    const outbox = new Outbox({
      environment: world.environment, store: Promise.resolve(store), post: async ({ text }) => void sent.push(text),
    });
    outbox.add('c', '1');
    world.steppedMs = stepMs;
    outbox.add('c', '2');
    world.steppedMs = 0;
    outbox.add('c', '3');
    left = [{ key: 'old', channel: 'c', text: 'old', createdAtMs: world.nowMs - 1_000, order: 0, failure: null }];
    outbox.suspend();
    await world.settle();
    outbox.resume();
    await world.settle();
    await world.settle();
    assert.deepEqual(sent.filter((text) => text !== 'old'), ['1', '2', '3']);
  });
}

test('what was written after a reload comes after what was left, though the clock was set back', async () => {
  const world = new World();
  const rows = new Map([['old', {
    key: 'old', channel: 'c', text: 'old', createdAtMs: world.nowMs, order: 7, failure: null,
  }]]);
  const store = {
    claim: async () => [...rows.values()].filter(({ key }) => key === 'old'),
    put: async (entry) => void rows.set(entry.key, entry), remove: async (key) => void rows.delete(key),
    clear: async () => {}, close: () => {},
  };
  world.steppedMs = -hour;
  const outbox = new Outbox({
    environment: world.environment, store: Promise.resolve(store), post: () => new Promise(() => {}),
  });
  const [first, second] = [outbox.add('c', 'new'), outbox.add('c', 'newer')];
  await world.settle();
  outbox.resume();
  await world.settle();
  assert.deepEqual(outbox.entries('c').map(({ text }) => text), ['old', 'new', 'newer']);
  assert.ok(rows.get(first.key).createdAtMs >= rows.get('old').createdAtMs, 'and it stays so after another reload');
  assert.ok(rows.get(first.key).order < rows.get(second.key).order);
});

test('own typing is repeated after three seconds, whatever the clock says', async () => {
  const { Typing } = await import('../../web/sdk/typing.js');
  const world = new World();
  const client = await world.ready();
  const typing = new Typing(client, () => {});
  typing.own('c', true);
  world.steppedMs = hour;
  typing.own('c', true);
  assert.equal(world.socket.commands.filter(({ name }) => name === 'typing').length, 1);
  world.steppedMs = -hour;
  await world.advance(3_000);
  typing.own('c', true);
  assert.equal(world.socket.commands.filter(({ name }) => name === 'typing').length, 2);
});

test('an environment without a monotonic clock gets the real one', async () => {
  const world = new World();
  const { monotonic: _, ...environment } = world.environment;
  const client = await world.client({ environment });
  assert.ok(Math.abs(client.environment.monotonic() - performance.now()) < 60_000);
  assert.equal(client.state.name, 'connecting');
});

test('a token of 160 s is renewed 90 s ahead: timers of hidden tabs are a minute late', async () => {
  const world = new World();
  world.tokenLifeMs = 160_000;
  await world.ready();
  await world.quiet(69_999);
  assert.ok(!world.socket.has('refresh'));
  await world.quiet(1);
  assert.ok(world.socket.has('refresh'));
});

test('after a sleep the heartbeat brings the hub\'s time, and the token is renewed', async () => {
  const world = new World();
  const client = await world.ready();
  await world.quiet(60_000);
  // The device slept for 14 minutes, and the clock that nobody sets stood still.
  const sleptMs = 840_000;
  world.signal('wake');
  await world.settle();
  await world.reply('ping', { pong: { server_time_ms: String(world.nowMs + sleptMs) } });
  await world.advance(1_000);
  assert.equal((await world.reply('refresh', { refreshed: {} })).token, 'token-2');
  assert.equal(client.state.name, 'ready');
});

test('a renewal that was due while the tab was frozen happens when it is seen again', async () => {
  const world = new World();
  await world.ready();
  // Timers stood still, time did not.
  const timers = world.timers.splice(0);
  world.nowMs += 850_000;
  world.timers = timers.map((timer) => ({ ...timer, atMs: timer.atMs + 850_000 }));
  world.signal('wake');
  await world.advance(1_000);
  assert.ok(world.socket.has('refresh'));
});

test('a renewal that the hub takes for a token of another time asks for another', async () => {
  const world = new World();
  await world.ready();
  await world.quiet(810_000);
  await world.reply('refresh', { error: { code: 201, slug: 'token_expired', message: '', retryable: false } });
  await world.quiet(2_000);
  assert.equal((await world.reply('refresh', { refreshed: {} })).token, 'token-3');
});
