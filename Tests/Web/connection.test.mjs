// Connecting, commands, losing the connection and coming back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullJitterMs } from '../../web/sdk/backoff.js';
import { closeAction, HubError } from '../../web/sdk/index.js';
import { World } from './world.mjs';

test('says hello with the token and becomes ready', async () => {
  const world = new World();
  const client = await world.client();
  assert.equal(world.socket.subprotocol, 'hub.v1.json');
  assert.equal(world.socket.commands.length, 0, 'nothing before the socket is open');
  world.socket.open();
  const { token, agent } = world.socket.commands[0].body;
  assert.deepEqual([token, agent], ['token-1', 'hub-web/1']);
  await world.reply('hello', { welcome: { account: 'me' } });
  assert.deepEqual(client.states, ['connecting', 'ready']);
});

test('matches replies by id, in whatever order they come', async () => {
  const world = new World();
  const client = await world.ready();
  const first = client.request('join', { channel: 'a' });
  const second = client.request('join', { channel: 'b' });
  const [a, b] = [world.socket.take('join'), world.socket.take('join')];
  assert.notEqual(a.id, b.id);
  world.socket.receive({ id: b.id, channel: { channel: { id: 'b' } } },
    { id: a.id, channel: { channel: { id: 'a' } } });
  assert.equal((await first).channel.id, 'a');
  assert.equal((await second).channel.id, 'b');
});

test('an error reply rejects with its facts', async () => {
  const world = new World();
  const client = await world.ready();
  const outcome = assert.rejects(client.request('join', { channel: 'a' }), (error) =>
    error instanceof HubError && error.code === 401 && error.retryable
    && error.retryAfterMs === 700 && error.details[0].value === '5');
  await world.reply('join', { error: {
    code: 401, slug: 'rate_limited', message: 'slow down', retryable: true, retry_after_ms: 700,
    details: [{ name: 'limit', value: '5' }],
  } });
  await outcome;
});

test('a reply of the wrong kind is an error, not a value', async () => {
  const world = new World();
  const client = await world.ready();
  const outcome = assert.rejects(client.request('join', { channel: 'a' }), { slug: 'malformed' });
  await world.reply('join', { done: {} });
  await outcome;
});

test('an unanswered command times out, and its late reply is ignored', async () => {
  const world = new World();
  const client = await world.ready();
  const failed = client.request('join', { channel: 'a' });
  const { id } = world.socket.take('join');
  const outcome = assert.rejects(failed, { slug: 'timeout', retryable: true });
  await world.quiet(15_000);
  await outcome;
  await world.push({ id, channel: { channel: { id: 'a' } } });
  assert.equal(client.state.name, 'ready');
});

test('a command without an answer shows within 7 s that the link is dead', async () => {
  const world = new World();
  const client = await world.ready();
  await world.quiet(10_000);
  client.request('join', { channel: 'a' }).catch(() => {});
  await world.advance(3_999);
  assert.ok(!world.socket.has('ping'), 'not doubted yet');
  await world.advance(1);
  assert.ok(world.socket.has('ping'), 'doubted');
  await world.advance(2_999);
  assert.equal(client.state.name, 'ready');
  await world.advance(1);
  assert.equal(client.state.name, 'waiting');
});

test('a slow answer is no dead link while the hub is heard', async () => {
  const world = new World();
  const client = await world.ready();
  client.request('join', { channel: 'a' }).catch(() => {});
  for (let second = 0; second < 12; second += 1) {
    await world.advance(1_000);
    await world.push({ typing: { channel: 'c', account: 'x', active: true } });
  }
  assert.ok(!world.socket.has('ping'));
  assert.equal(client.state.name, 'ready');
});

test('each command is watched, also one that follows an answered one', async () => {
  const world = new World();
  const client = await world.ready();
  client.request('join', { channel: 'a' }).catch(() => {});
  await world.advance(3_000);
  await world.reply('join', { channel: { channel: { id: 'a' } } });
  client.request('join', { channel: 'b' }).catch(() => {});
  await world.advance(4_000);
  assert.ok(world.socket.has('ping'));
  await world.advance(3_000);
  assert.equal(client.state.name, 'waiting');
});

test('commands beyond the limit of unanswered ones are held back, in order', async () => {
  const world = new World();
  const client = await world.client();
  await world.welcome({ limits: { commands_in_flight_max: 6 } });
  const joins = ['a', 'b', 'c', 'd'].map((channel) => client.request('join', { channel }));
  assert.equal(world.socket.commands.length, 2);
  for (const channel of ['a', 'b', 'c', 'd']) {
    assert.equal((await world.reply('join', { channel: { channel: { id: channel } } })).channel, channel);
  }
  assert.equal((await Promise.all(joins)).length, 4);
});

test('what waits for a reply fails when the connection is lost', async () => {
  const world = new World();
  const client = await world.ready();
  const failed = assert.rejects(client.request('join', { channel: 'a' }), { slug: 'connection_lost' });
  await world.lose();
  await failed;
  await assert.rejects(client.request('ping', {}), { slug: 'connection_lost', retryable: true });
});

test('a frame that breaks the contract ends the connection', async (t) => {
  t.mock.method(console, 'warn', () => {});
  for (const data of ['{', '[]', '{"id":-1}', '{"events":{"events":{}}}', new ArrayBuffer(2)]) {
    const world = new World();
    const client = await world.ready();
    world.socket.onmessage({ data });
    assert.equal(client.state.name, 'waiting', String(data));
    assert.ok(world.socket.isClosed);
  }
});

test('full jitter: uniform below a ceiling that doubles up to 30 s', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 40].map((attempt) => fullJitterMs(attempt, () => 0.999999));
  assert.deepEqual(ceilings, [499, 999, 1999, 3999, 7999, 15999, 29999, 29999, 29999]);
  assert.equal(fullJitterMs(6, () => 0), 0);
});

test('waits longer each time, and starts anew after a good connection', async () => {
  const world = new World();
  const client = await world.ready();
  const waits = [];
  for (let index = 0; index < 4; index += 1) {
    await world.lose();
    waits.push(client.state.retryAtMs - world.nowMs);
    await world.advance(waits.at(-1));
    assert.equal(client.state.name, 'connecting');
    await world.welcome();
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000]);
  await world.advance(5_000);
  await world.lose();
  assert.equal(client.state.retryAtMs - world.nowMs, 250);
});

test('a connection that does not last does not reset the wait', async () => {
  const world = new World();
  const client = await world.ready();
  for (const expected of [250, 500, 1000]) {
    await world.lose();
    assert.equal(client.state.retryAtMs - world.nowMs, expected);
    await world.advance(expected);
    await world.welcome();
  }
});

test('a socket that does not open is given up after 10 s', async () => {
  const world = new World();
  const client = await world.client();
  await world.advance(9_999);
  assert.equal(client.state.name, 'connecting');
  await world.advance(1);
  assert.equal(client.state.name, 'waiting');
});

const actions = [
  [1000, 'backoff'], [1001, 'backoff'], [1006, 'backoff'], [1009, 'backoff'],
  [4000, 'resume'], [4001, 'resume'], [4099, 'resume'],
  [4100, 'backoff'], [4101, 'backoff'], [4104, 'backoff'], [4199, 'backoff'],
  [4200, 'refresh'], [4201, 'refresh'], [4299, 'refresh'],
  [4300, 'backoff'], [4499, 'backoff'],
  [4500, 'stop'], [4501, 'stop'], [4502, 'stop'], [4503, 'stop'], [4504, 'stop'], [4999, 'stop'],
];
test('the close code decides what follows', async () => {
  for (const [code, action] of actions) {
    assert.equal(closeAction(code), action, String(code));
    const world = new World();
    const client = await world.ready();
    await world.lose(code);
    assert.equal(client.state.name, action === 'stop' ? 'stopped' : 'waiting', String(code));
    if (action === 'stop') {
      assert.equal(client.state.code, code);
      await world.advance(3_600_000);
      assert.equal(world.sockets.length, 1, 'never comes back');
    } else {
      await world.advance(1_000);
      world.socket.open();
      const expected = action === 'refresh' ? 'token-2' : 'token-1';
      assert.equal(world.socket.take('hello').body.token, expected, String(code));
    }
  }
});

test('a closing frame sets the least wait', async () => {
  const world = new World();
  const client = await world.ready();
  await world.push({ closing: { code: 4100, slug: 'overloaded', retry_after_ms: 9_000 } });
  assert.equal(client.state.name, 'ready', 'it only announces');
  await world.lose(1006);
  assert.equal(client.state.slug, 'overloaded', 'the announced code counts');
  assert.equal(client.state.retryAtMs - world.nowMs, 9_250);
});

test('a hub that drains says when to come back, and no two clients come at once', async () => {
  const world = new World();
  const client = await world.ready();
  await world.push({ closing: { code: 4000, slug: 'draining', retry_after_ms: 640 } });
  await world.lose(4000);
  assert.equal(client.state.retryAtMs - world.nowMs, 640 + 500, 'and a random part of a second');
});

test('a hub that keeps sending us away at once is left alone for longer', async () => {
  const world = new World();
  const client = await world.ready();
  const waits = [];
  for (let index = 0; index < 5; index += 1) {
    await world.lose(4000);
    waits.push(client.state.retryAtMs - world.nowMs);
    await world.advance(waits.at(-1));
    await world.welcome();
  }
  assert.deepEqual(waits, [500, 500, 1000, 2000, 4000]);
});

test('a new role is taken up at once, also by who has only just come back from an outage', async () => {
  const world = new World();
  const client = await world.ready();
  for (let index = 0; index < 6; index += 1) {
    await world.lose();
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
  await world.welcome();
  await world.lose(4201);
  assert.equal(client.state.retryAtMs - world.nowMs, 50);
  await world.advance(50);
  await world.welcome();
  await world.lose();
  assert.equal(client.state.retryAtMs - world.nowMs, 15_000, 'the outage itself is not forgotten');
});

test('silence is answered with a ping, and an unanswered ping ends the link', async () => {
  const world = new World();
  const client = await world.ready();
  await world.advance(24_999);
  assert.ok(!world.socket.has('ping'));
  await world.advance(1);
  await world.reply('ping', { pong: {} });
  await world.advance(25_000);
  assert.ok(world.socket.has('ping'));
  await world.advance(7_999);
  assert.equal(client.state.name, 'ready');
  await world.advance(1);
  assert.equal(client.state.name, 'waiting');
});

test('traffic takes the place of pings', async () => {
  const world = new World();
  await world.ready();
  for (let index = 0; index < 10; index += 1) {
    await world.advance(20_000);
    await world.push({ presence: { changes: [] } });
  }
  assert.ok(!world.socket.has('ping'));
});

test('a wake asks at once whether the link lives', async () => {
  const world = new World();
  const client = await world.ready();
  world.signal('wake');
  assert.ok(world.socket.has('ping'));
  await world.advance(3_000);
  assert.equal(client.state.name, 'waiting');
  world.signal('online');
  await world.settle();
  assert.equal(client.state.name, 'connecting', 'and a wake during a wait ends it');
});

test('a page that goes says goodbye, and connects again when it is shown', async () => {
  const world = new World();
  const client = await world.ready();
  const { socket } = world;
  world.signal('leave');
  assert.ok(socket.isClosed);
  assert.equal(client.state.name, 'waiting');
  world.signal('wake');
  await world.settle();
  assert.equal(world.sockets.length, 2);
});

test('stop ends everything', async () => {
  const world = new World();
  const client = await world.ready();
  await client.stop();
  assert.ok(world.socket.isClosed);
  await world.advance(3_600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.timers.length, 0);
  await assert.rejects(client.request('ping', {}), { slug: 'stopped' });
});

test('commands that were held back fail when the connection is lost', async () => {
  const world = new World();
  const client = await world.client();
  await world.welcome({ limits: { commands_in_flight_max: 6 } });
  const outcomes = ['a', 'b', 'c', 'd'].map((channel) =>
    assert.rejects(client.request('join', { channel }), { slug: 'connection_lost' }));
  await world.lose();
  await Promise.all(outcomes);
});

test('a command without an answer gives its place to one that was held back', async () => {
  const world = new World();
  const client = await world.client();
  await world.welcome({ limits: { commands_in_flight_max: 5 } });
  const late = assert.rejects(client.request('join', { channel: 'a' }), { slug: 'timeout' });
  void client.request('join', { channel: 'b' });
  assert.equal(world.socket.take('join').body.channel, 'a');
  assert.ok(!world.socket.has('join'));
  await world.quiet(15_000);
  await late;
  assert.equal((await world.reply('join', { channel: { channel: { id: 'b' } } })).channel, 'b');
});

test('whatever is heard while a pong is awaited proves that the link lives', async () => {
  const world = new World();
  const client = await world.ready();
  world.signal('wake');
  await world.advance(1_000);
  await world.push({ presence: { changes: [] } });
  await world.advance(5_000);
  assert.equal(client.state.name, 'ready');
});
