// Access tokens: renewed in band ahead of their end, asked anew when refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HubError } from '../../web/sdk/index.js';
import { World } from './world.mjs';

const network = () => new HubError({ slug: 'network', retryable: true });

test('renewed in band before its end, again and again', async () => {
  const world = new World();
  const client = await world.ready();
  const refresh = async (expected) => {
    const body = await world.reply('refresh', { refreshed: {} });
    assert.equal(body.token, expected);
  };
  await world.quiet(809_999);
  assert.ok(!world.socket.has('refresh'));
  await world.quiet(1);
  await refresh('token-2');
  await world.quiet(810_000);
  await refresh('token-3');
  assert.equal(client.state.name, 'ready');
  assert.equal(world.sockets.length, 1, 'on the same connection');
});

test('a short life is renewed after four fifths', async () => {
  const world = new World();
  world.tokenLifeMs = 20_000;
  await world.ready();
  await world.advance(15_999);
  assert.ok(!world.socket.has('refresh'));
  await world.advance(1);
  assert.ok(world.socket.has('refresh'));
});

test('a renewal that fails for a passing reason is tried again', async () => {
  const world = new World();
  await world.ready();
  world.tokenErrors = [network(), network()];
  await world.quiet(820_000);
  assert.equal((await world.reply('refresh', { refreshed: {} })).token, 'token-2');
});

test('the hub\'s clock counts, not a wrong one here', async () => {
  const world = new World();
  const aheadMs = 600_000;
  const getToken = async () => {
    const { token, expiresAtMs } = await world.getToken();
    return { token, expiresAtMs: expiresAtMs - aheadMs };
  };
  await world.client({ getToken });
  await world.welcome({ server_time_ms: String(world.nowMs - aheadMs) });
  await world.quiet(809_999);
  assert.ok(!world.socket.has('refresh'));
  await world.quiet(1);
  assert.ok(world.socket.has('refresh'));
});

test('a token that has ended is replaced before connecting again', async () => {
  const world = new World();
  world.tokenLifeMs = 60_000;
  await world.ready();
  world.tokenErrors = Array.from({ length: 100 }, network);
  await world.quiet(55_000);
  world.tokenErrors = [];
  await world.lose();
  await world.advance(1_000);
  world.socket.open();
  assert.equal(world.socket.take('hello').body.token, 'token-2');
});

test('no network while asking for a token: waits and tries again', async () => {
  const world = new World();
  world.tokenErrors = [network(), network()];
  const client = await world.client();
  assert.equal(client.state.name, 'waiting');
  await world.advance(10_000);
  assert.equal(world.sockets.length, 1);
});

test('a sign-in that has ended stops the client', async () => {
  const world = new World();
  world.tokenErrors = [new HubError({ code: 200, slug: 'unauthenticated' })];
  const client = await world.client();
  assert.deepEqual(client.state, { name: 'stopped', code: 200, slug: 'unauthenticated' });
});

const refusals = [
  ['token_expired', 201, 'waiting', 'token-2'],
  ['unauthenticated', 200, 'stopped', null],
  ['key_unavailable', 502, 'stopped', null],
  ['malformed', 100, 'stopped', null],
  ['overloaded', 402, 'waiting', 'token-1'],
];
test('a refused hello: what follows', async () => {
  for (const [slug, code, state, token] of refusals) {
    const world = new World();
    const client = await world.client();
    world.socket.open();
    await world.reply('hello', { error: { code, slug, retryable: slug === 'overloaded' } });
    assert.equal(client.state.name, state, slug);
    if (!token) continue;
    await world.advance(1_000);
    world.socket.open();
    assert.equal(world.socket.take('hello').body.token, token, slug);
  }
});

test('a renewal and a new connection ask for one token', async () => {
  const world = new World();
  let asked = 0;
  let give = () => {};
  const getToken = () => {
    asked += 1;
    const answer = { token: `token-${asked}`, expiresAtMs: world.nowMs + world.tokenLifeMs };
    return asked === 1 ? Promise.resolve(answer) : new Promise((resolve) => void (give = () => resolve(answer)));
  };
  const client = await world.client({ getToken });
  await world.welcome();
  await world.quiet(811_000);
  assert.equal(asked, 2, 'the renewal has begun');
  await world.lose(4200);
  await world.advance(1_000);
  assert.equal(client.state.name, 'connecting');
  assert.equal(asked, 2, 'and serves the new connection as well');
  give();
  await world.settle();
  world.socket.open();
  await world.settle();
  assert.equal(world.socket.take('hello').body.token, 'token-2');
});

// Each outcome of asking for a token × each who asks: the renewal in time, the first connection, the one after 4200.
for (const [outcome, error, state] of [
  ['refused for now', network(), 'waiting'],
  ['refused for good', new HubError({ code: 203, slug: 'bad_credentials' }), 'stopped'],
]) {
  test(`a token that is ${outcome}: the first connection`, async () => {
    const world = new World();
    world.tokenErrors = [error];
    const client = await world.client();
    assert.equal(client.state.name, state);
    await world.advance(1_000);
    assert.equal(world.sockets.length, state === 'waiting' ? 1 : 0);
  });

  test(`a token that is ${outcome}: the connection after one that had ended`, async () => {
    const world = new World();
    const client = await world.ready();
    await world.lose(4200);
    world.tokenErrors = [error];
    await world.advance(100);
    assert.equal(client.state.name, state);
    await world.advance(2_000);
    assert.equal(world.sockets.length, state === 'waiting' ? 2 : 1);
  });

  test(`a token that is ${outcome}: the renewal leaves the connection alone`, async () => {
    const world = new World();
    const client = await world.ready();
    world.tokenErrors = [error];
    await world.quiet(812_000);
    assert.equal(client.state.name, 'ready');
    assert.equal(world.socket.has('refresh'), state === 'waiting', 'tried again, or left to the end of the token');
  });
}
