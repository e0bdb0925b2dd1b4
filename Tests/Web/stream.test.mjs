// Without WebSockets: when a stream takes their place, what goes over it, and when they are tried again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World, eventsPush, subscribed } from './world.mjs';

const welcome = (world) => ({ welcome: {
  account: 'me', heartbeat_ms: 25_000, server_time_ms: String(world.nowMs),
  token_expires_at_ms: String(world.nowMs + world.tokenLifeMs),
  limits: { commands_in_flight_max: 128 },
} });

/** The hub's end of streams: what was asked, and what the test lets it answer. */
class Streams {
  /** Requests that are not answered yet. */
  requests = [];
  opened = 0;

  constructor(world) {
    this.world = world;
    world.environment.fetch = (url, init) => new Promise((resolve, reject) => {
      this.requests.push({ url, ...init, resolve, reject });
      init.signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
  }

  take(path) {
    const at = this.requests.findIndex(({ url }) => url === `http://hub${path}`);
    assert.ok(at >= 0, `no ${path} among ${this.requests.map(({ url }) => url)}`);
    return this.requests.splice(at, 1)[0];
  }

  /** Answers the request that opens; the frames that came with it. */
  async open() {
    const request = this.take('/stream');
    this.opened += 1;
    const body = new ReadableStream({ start: (controller) => void (this.controller = controller) });
    request.signal.addEventListener('abort', () => void this.controller.error(new Error('aborted')));
    request.resolve(new Response(body, { headers: { 'hub-stream': `key-${this.opened}` } }));
    await this.world.settle();
    return framesOf(request);
  }

  async receive(text) {
    this.controller.enqueue(new TextEncoder().encode(text));
    await this.world.settle();
    await this.world.settle();
  }

  push(...frames) {
    return this.receive(frames.map((frame) => `data: ${JSON.stringify(frame)}\n\n`).join(''));
  }

  /** Answers the oldest request with commands; its frames. */
  async commands(status = 204) {
    const request = this.take('/stream/commands');
    assert.equal(request.headers['hub-stream'], `key-${this.opened}`);
    request.resolve(new Response(null, { status }));
    await this.world.settle();
    return framesOf(request);
  }

  /** The whole way to a client that is ready. */
  async ready() {
    const [hello] = await this.open();
    await this.push({ id: hello.id, ...welcome(this.world) });
  }
}

const framesOf = (request) =>
  request.body.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));

/** Two WebSockets in a row fail before they open. */
async function refused(world, client) {
  for (let index = 0; index < 2; index += 1) {
    await world.lose();
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
}

async function overStream() {
  const world = new World();
  const streams = new Streams(world);
  const client = await world.client();
  await refused(world, client);
  await streams.ready();
  assert.equal(client.state.name, 'ready');
  return { world, streams, client };
}

test('opens a stream, with the hello, when two WebSockets in a row could not be opened', async () => {
  const world = new World();
  const streams = new Streams(world);
  const client = await world.client();
  await refused(world, client);
  assert.equal(world.sockets.length, 2);
  const [{ method, url, headers, body }] = streams.requests;
  assert.deepEqual([method, url], ['POST', 'http://hub/stream']);
  assert.equal(headers['content-type'], 'application/x-ndjson');
  assert.equal(JSON.parse(body).hello.token, 'token-1');
  assert.doesNotMatch(url, /token/);
  const [hello] = await streams.open();
  await streams.push({ id: hello.id, ...welcome(world) });
  assert.equal(client.state.name, 'ready');
});

test('a WebSocket that opens and stays mute counts as one that does not get through', async () => {
  const world = new World();
  const streams = new Streams(world);
  const client = await world.client();
  for (let index = 0; index < 2; index += 1) {
    world.socket.open();
    await world.advance(15_000);
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
  await streams.ready();
  assert.equal(client.state.name, 'ready');
});

test('a hub that answers and closes is no reason to leave WebSockets', async () => {
  const world = new World();
  const client = await world.client();
  for (let index = 0; index < 4; index += 1) {
    world.socket.open();
    await world.push({ closing: { code: 4100, slug: 'overloaded' } });
    await world.lose(4100);
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
  assert.equal(world.sockets.length, 5);
});

test('being offline is no reason either', async () => {
  const world = new World();
  world.environment.isOnline = () => false;
  const client = await world.client();
  for (let index = 0; index < 4; index += 1) {
    await world.lose();
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
  assert.equal(world.sockets.length, 5);
});

test('while nothing answers, both ways have their turns', async () => {
  const world = new World();
  const streams = new Streams(world);
  const client = await world.client();
  await refused(world, client);
  const ways = [];
  for (let index = 0; index < 4; index += 1) {
    ways.push(client.route.way);
    if (client.route.way === 'stream') streams.take('/stream').reject(new Error('refused'));
    else await world.lose();
    await world.settle();
    await world.advance(client.state.retryAtMs - world.nowMs);
  }
  assert.deepEqual(ways, ['stream', 'socket', 'stream', 'socket']);
});

test('a hub that is away for a while is no reason to doubt what is remembered; one for long is', async () => {
  const { world, streams, client } = await overStream();
  streams.controller.close();
  await world.settle();
  const ways = [];
  for (let index = 0; index < 7; index += 1) {
    await world.advance(client.state.retryAtMs - world.nowMs);
    ways.push(client.route.way);
    if (client.route.way === 'stream') streams.take('/stream').reject(new Error('refused'));
    else await world.lose();
    await world.settle();
  }
  assert.deepEqual(ways, [...Array(5).fill('stream'), 'socket', 'stream']);
});

test('commands go in requests, one at a time and in order', async () => {
  const { streams, client } = await overStream();
  const replies = ['a', 'b', 'c'].map((channel) => client.request('join', { channel }));
  const first = await streams.commands();
  assert.deepEqual(first.map((frame) => frame.join.channel), ['a']);
  const rest = await streams.commands();
  assert.deepEqual(rest.map((frame) => frame.join.channel), ['b', 'c']);
  assert.equal(streams.requests.length, 0);
  for (const { id, join } of [...rest, ...first]) {
    await streams.push({ id, channel: { channel: { id: join.channel } } });
  }
  assert.deepEqual((await Promise.all(replies)).map(({ channel }) => channel.id), ['a', 'b', 'c']);
});

test('a request has 64 frames at most, and not many long ones', async () => {
  const { streams, client } = await overStream();
  const ignore = () => {};
  client.request('join', { channel: 'first' }).catch(ignore);
  for (let index = 0; index < 70; index += 1) client.request('join', { channel: 'c' }).catch(ignore);
  for (let index = 0; index < 3; index += 1) {
    client.request('post', { channel: 'c', key: 'k', text: 'x'.repeat(16_000) }).catch(ignore);
  }
  const counts = [];
  while (streams.requests.length > 0) counts.push((await streams.commands()).length);
  assert.deepEqual(counts, [1, 64, 8, 1]);
});

test('events are read however they are cut', async () => {
  const { world, streams, client } = await overStream();
  const seen = [];
  client.on('push', ({ body }) => seen.push(body.channel));
  const text = [1, 2].map((id) => `data: ${JSON.stringify(
    { typing: { channel: `ä\u2028${id}`, account: 'x', active: true } })}\n\n`).join(': ping\n\n');
  const bytes = new TextEncoder().encode(text);
  for (const byte of bytes) streams.controller.enqueue(Uint8Array.of(byte));
  await world.advance(0);
  for (let index = 0; seen.length < 2 && index < bytes.length; index += 1) await world.settle();
  assert.deepEqual(seen, ['ä\u20281', 'ä\u20282']);
});

test('a comment is answered with an empty request', async () => {
  const { streams } = await overStream();
  await streams.receive(': ping\n\n');
  const { body } = streams.requests[0];
  assert.equal(body, '');
  await streams.commands();
  assert.equal(streams.requests.length, 0);
});

test('the end of a stream is the end of the connection, for the reason that was told', async () => {
  const { world, streams, client } = await overStream();
  await streams.push({ closing: { code: 4000, slug: 'draining', retry_after_ms: 700 } });
  streams.controller.close();
  await world.settle();
  assert.equal(client.state.name, 'waiting');
  assert.equal(client.state.slug, 'draining');
  assert.ok(client.state.retryAtMs - world.nowMs >= 700);
});

test('a stream that this hub does not know is opened anew, and resumes', async () => {
  const { world, streams, client } = await overStream();
  const seen = [];
  const subscription = client.subscribe('c', { epoch: '18446744073709551615', sequence: 3 });
  subscription.on('events', (events) => seen.push(...events.map(({ sequence }) => sequence)));
  const [{ id }] = await streams.commands();
  await streams.push({ id, ...subscribed(3, 3) }, eventsPush(4, 5));
  client.request('join', { channel: 'x' }).catch(() => {});
  await streams.commands(404);
  assert.equal(client.state.name, 'waiting');
  await world.advance(client.state.retryAtMs - world.nowMs);
  await streams.ready();
  const [again] = await streams.commands();
  assert.equal(again.subscribe.after.sequence, '5');
  await streams.push({ id: again.id, ...subscribed(5, 6) }, eventsPush(6, 6));
  assert.deepEqual(seen, [4, 5, 6]);
  assert.equal(world.sockets.length, 2, 'no WebSocket is tried in between');
});

test('a message goes out again with its key when its request broke', async () => {
  const { world, streams, client } = await overStream();
  const entry = client.post('c', 'hello');
  await world.settle();
  const request = streams.take('/stream/commands');
  request.reject(new Error('broken'));
  await world.settle();
  assert.equal(client.state.name, 'waiting');
  await world.advance(client.state.retryAtMs - world.nowMs);
  await streams.ready();
  const [{ id, post }] = await streams.commands();
  assert.equal(post.key, framesOf(request)[0].post.key);
  await streams.push({ id, posted: { channel: 'c', position: { epoch: '1', sequence: '1' }, duplicate: true } });
  assert.equal(entry.state, 'sent');
});

test('stopping breaks the stream', async () => {
  const { world, streams, client } = await overStream();
  let isBroken = false;
  streams.controller.error = () => void (isBroken = true);
  await client.stop();
  await world.settle();
  assert.ok(isBroken);
});

test('beside a stream a WebSocket is tried after a minute, then less and less often', async () => {
  const { world, streams, client } = await overStream();
  const tries = [];
  for (const waitMs of [60_000, 120_000, 240_000, 480_000, 960_000, 1_800_000, 1_800_000]) {
    const before = world.sockets.length;
    await world.advanceAnswering(streams, waitMs - 1_000);
    assert.equal(world.sockets.length, before, `none before ${waitMs} ms`);
    await world.advanceAnswering(streams, 1_000);
    assert.equal(world.sockets.length, before + 1, `one after ${waitMs} ms`);
    tries.push(waitMs);
    await world.lose();
  }
  assert.equal(tries.length, 7);
  assert.equal(client.route.way, 'stream');
  assert.equal(client.state.name, 'ready', 'the stream goes on');
});

test('a WebSocket that gets through takes the place of the stream', async () => {
  const { world, streams, client } = await overStream();
  await world.advanceAnswering(streams, 60_000);
  world.socket.open();
  assert.equal(client.state.name, 'ready', 'opening alone proves nothing');
  await world.reply('ping', { error: { code: 200, slug: 'unauthenticated' } });
  assert.equal(client.state.name, 'waiting');
  assert.ok(world.sockets[2].isClosed, 'the one that was tried is not used');
  await world.advance(1_000);
  await world.welcome();
  assert.equal(client.route.way, 'socket');
  assert.equal(world.kept.size, 0);
});

test('one that opens and stays mute is given up', async () => {
  const { world, streams, client } = await overStream();
  await world.advanceAnswering(streams, 60_000);
  world.socket.open();
  await world.advanceAnswering(streams, 10_000);
  assert.ok(world.socket.isClosed);
  assert.equal(client.state.name, 'ready');
  assert.equal(client.route.way, 'stream');
});

test('a client that stops tries nothing any more', async () => {
  const { world, streams, client } = await overStream();
  await world.advanceAnswering(streams, 60_000);
  await client.stop();
  assert.ok(world.socket.isClosed);
  const tried = world.sockets.length;
  await world.advance(3_600_000);
  assert.equal(world.sockets.length, tried);
});

test('the next visit begins with a stream; when its time has come a WebSocket is tried', async () => {
  const { world, streams } = await overStream();
  const next = new World();
  next.kept = world.kept;
  next.nowMs = world.nowMs;
  const nextStreams = new Streams(next);
  const visitor = await next.client();
  await nextStreams.ready();
  assert.equal(visitor.state.name, 'ready');
  assert.equal(next.sockets.length, 0);
  next.nowMs += 60_000;
  nextStreams.controller.close();
  await next.settle();
  await next.advance(visitor.state.retryAtMs - next.nowMs);
  assert.equal(next.sockets.length, 1);
  await next.welcome();
  assert.equal(visitor.state.name, 'ready');
  assert.equal(next.kept.size, 0, 'WebSockets get through again');
  assert.equal(streams.opened, 1);
});

test('what is remembered does not outlive a clock that was set back', async () => {
  const { world } = await overStream();
  const next = new World();
  next.kept = world.kept;
  next.nowMs = world.nowMs - 86_400_000;
  await next.client();
  assert.equal(next.sockets.length, 1);
});
