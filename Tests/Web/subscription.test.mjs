// Subscriptions: each event once, in sequence, without a hole, whatever the network does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillEventsMax } from '../../web/sdk/subscription.js';
import { at, epoch, event, eventsPush, historyPage, subscribed, World } from './world.mjs';

/** A live subscription with a record of what it told. */
async function live(world, from = 10, after = { epoch, sequence: 10 }) {
  const client = await world.ready();
  const subscription = client.subscribe('c', after);
  const seen = [];
  const told = [];
  subscription.on('events', (events) => seen.push(...events.map(({ sequence }) => sequence)));
  subscription.on('reset', ({ sequence }) => told.push(`reset ${sequence}`));
  subscription.on('ended', ({ slug }) => told.push(`ended ${slug}`));
  const asked = await world.reply('subscribe', subscribed(from, from));
  return { client, subscription, seen, told, asked };
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('delivers live events in sequence', async () => {
  const world = new World();
  const { seen, asked, subscription } = await live(world);
  assert.deepEqual(asked.after, { epoch, sequence: '10' });
  await world.push(eventsPush(11, 12), eventsPush(13, 13));
  assert.deepEqual(seen, [11, 12, 13]);
  assert.deepEqual(subscription.position, { epoch, sequence: 13 });
});

test('without a position begins at the hub\'s', async () => {
  const world = new World();
  const { seen, asked, told } = await live(world, 40, null);
  assert.equal(asked.after, undefined);
  await world.push(eventsPush(41, 41));
  assert.deepEqual(seen, [41]);
  assert.deepEqual(told, []);
});

test('events in the same message as the reply are not lost', async () => {
  const world = new World();
  const client = await world.ready();
  const subscription = client.subscribe('c', { epoch, sequence: 3 });
  const seen = [];
  subscription.on('events', (events) => seen.push(...events.map(({ sequence }) => sequence)));
  const { id } = world.socket.take('subscribe');
  await world.push({ id, ...subscribed(3, 5) }, eventsPush(4, 5));
  assert.deepEqual(seen, [4, 5]);
});

test('drops what it has seen', async () => {
  const world = new World();
  const { seen } = await live(world);
  await world.push(eventsPush(11, 13), eventsPush(9, 14), eventsPush(14, 14));
  assert.deepEqual(seen, [11, 12, 13, 14]);
});

test('resumes behind the last event seen, and replay and live events overlap harmlessly', async () => {
  const world = new World();
  const { seen, subscription } = await live(world);
  await world.push(eventsPush(11, 12));
  await world.lose();
  assert.equal(subscription.state, 'pending');
  await world.advance(1_000);
  await world.welcome();
  const asked = await world.reply('subscribe', subscribed(12, 15));
  assert.deepEqual(asked.after, { epoch, sequence: '12' });
  await world.push(eventsPush(12, 15), eventsPush(15, 16));
  assert.deepEqual(seen, range(11, 16));
});

test('reads what a gap leaves out by pages, while live events wait', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', subscribed(400, 402, { gap: { from: '11', to: '400' } }));
  await world.push(eventsPush(401, 402));
  assert.deepEqual(seen, [], 'nothing before what was missed');
  const first = await world.reply('history', historyPage(11, 210, { more: true }));
  assert.deepEqual([first.after, first.limit], ['10', 200]);
  await world.push(eventsPush(403, 403));
  assert.deepEqual(seen, range(11, 210));
  assert.equal((await world.reply('history', historyPage(211, 405))).after, '210');
  assert.deepEqual(seen, range(11, 405));
  await world.push(eventsPush(404, 406));
  assert.deepEqual(seen, range(11, 406));
  assert.deepEqual(told, []);
  assert.ok(!world.socket.has('history'));
});

test('a gap without events behind it is read as well', async () => {
  const world = new World();
  const { seen } = await live(world);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', subscribed(12, 12, { gap: { from: '11', to: '12' } }));
  await world.reply('history', historyPage(11, 12));
  assert.deepEqual(seen, [11, 12]);
});

test('a hole in what is pushed is read, and the loss of the connection meanwhile does no harm', async () => {
  const world = new World();
  const { seen } = await live(world);
  await world.push(eventsPush(14, 15));
  assert.deepEqual(seen, []);
  assert.equal(world.socket.take('history').body.after, '10');
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', subscribed(10, 15));
  await world.push(eventsPush(11, 15));
  assert.deepEqual(seen, range(11, 15));
});

test('a page that fails for a passing reason is asked again', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(12, 12));
  await world.reply('history', { error: { code: 402, slug: 'overloaded', retryable: true, retry_after_ms: 900 } });
  await world.advance(2_000);
  await world.reply('history', historyPage(11, 12));
  assert.deepEqual(seen, [11, 12]);
  assert.deepEqual(told, []);
});

test('a hub that does not have what it announced is not asked for ever: reset says so', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(14, 14));
  for (let index = 0; index < 6; index += 1) {
    await world.reply('history', { history_page: { channel: 'c', epoch } });
    if (index < 5) await world.quiet(10_000);
  }
  await world.reply('subscribe', subscribed(14, 14));
  assert.deepEqual(told, ['reset 14']);
  await world.push(eventsPush(15, 15));
  assert.deepEqual(seen, [15]);
});

test('another epoch at resuming: reset, then on from there', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', { subscribed: { channel: 'c', from: at(2, '7'), head: at(2, '7') } });
  await world.push(eventsPush(3, 3, 'c', '7'));
  assert.deepEqual(told, ['reset 2']);
  assert.deepEqual(seen, [3]);
});

test('another epoch under a standing subscription: asks, then resets', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(1, 1, 'c', '8'));
  assert.deepEqual(seen, []);
  const asked = await world.reply('subscribe',
    { subscribed: { channel: 'c', from: at(1, '8'), head: at(1, '8') } });
  assert.equal(asked.after, undefined);
  await world.push(eventsPush(2, 2, 'c', '8'));
  assert.deepEqual(told, ['reset 1']);
  assert.deepEqual(seen, [2]);
});

test('a log that was set back counts as begun anew', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', subscribed(8, 8));
  await world.push(eventsPush(9, 9));
  assert.deepEqual(told, ['reset 8']);
  assert.deepEqual(seen, [9]);
});

for (const [missed, expected] of [[fillEventsMax, 'history'], [fillEventsMax + 1, 'reset']]) {
  test(`${missed} missed events: ${expected}`, async () => {
    const world = new World();
    const { told } = await live(world);
    await world.lose();
    await world.advance(1_000);
    await world.welcome();
    const to = 10 + missed;
    await world.reply('subscribe', subscribed(to, to, { gap: { from: '11', to: String(to) } }));
    assert.equal(world.socket.has('history'), expected === 'history');
    assert.deepEqual(told, expected === 'reset' ? [`reset ${to}`] : []);
  });
}

test('ended for good, ended for now', async () => {
  const world = new World();
  const { told, subscription, client } = await live(world);
  await world.push({ subscription_ended: { channel: 'c', code: 402, slug: 'overloaded' } });
  assert.equal(subscription.state, 'pending');
  await world.advance(1_000);
  const asked = await world.reply('subscribe', subscribed(10, 10));
  assert.deepEqual(asked.after, { epoch, sequence: '10' });
  await world.push({ subscription_ended: { channel: 'c', code: 302, slug: 'not_member' } });
  assert.deepEqual(told, ['ended not_member']);
  await world.push(eventsPush(11, 11));
  assert.notEqual(client.subscribe('c'), subscription, 'a new one may be made');
});

test('a refused subscribe: tried again or ended, as the error says', async () => {
  const world = new World();
  const client = await world.ready();
  const ended = [];
  client.subscribe('c').on('ended', ({ slug }) => ended.push(slug));
  await world.reply('subscribe', { error: { code: 500, slug: 'unavailable', retryable: true } });
  await world.advance(1_000);
  await world.reply('subscribe', { error: { code: 300, slug: 'not_found' } });
  assert.deepEqual(ended, ['not_found']);
});

test('unsubscribing tells the hub and silences', async () => {
  const world = new World();
  const { subscription, seen } = await live(world);
  subscription.unsubscribe();
  assert.equal((await world.reply('unsubscribe', { done: {} })).channel, 'c');
  await world.push({ events: { channel: 'c', epoch, events: [event(11)] } });
  assert.deepEqual(seen, []);
});

test('any mix of loss, repetition and reordering gives one log', async () => {
  // A small generator, so that a failure can be repeated by its seed.
  for (let seed = 1; seed <= 60; seed += 1) {
    let state = seed;
    const pick = (below) => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state % below;
    };
    const world = new World();
    world.randomValue = 0;
    const { seen, told } = await live(world);
    let head = 10;
    for (let step = 0; step < 30; step += 1) {
      const kind = pick(6);
      if (kind <= 2) {
        const from = Math.max(1, head + 1 - pick(4));
        head += pick(4);
        await world.push(eventsPush(from + (kind === 2 ? pick(3) : 0), head));
      } else if (kind === 3) {
        head += pick(300);
        await world.lose();
        await world.advance(0);
        await world.welcome();
        const { body, id } = world.socket.take('subscribe');
        const after = Number(body.after.sequence);
        const from = Math.max(after, head - 100);
        const gap = from > after ? { gap: { from: String(after + 1), to: String(from) } } : {};
        await world.push({ id, ...subscribed(from, head, gap) }, eventsPush(from + 1, head));
      }
      while (world.socket.has('history')) {
        const { body, id } = world.socket.take('history');
        const after = Number(body.after);
        await world.push({ id, ...historyPage(after + 1, Math.min(head, after + body.limit)) });
      }
    }
    assert.deepEqual(seen, range(11, 10 + seen.length), `seed ${seed}`);
    assert.deepEqual(told, [], `seed ${seed}`);
  }
});

test('broadcasts go out while connected, and reach the subscription that is there', async () => {
  const world = new World();
  const { client, subscription, seen } = await live(world);
  const heard = [];
  subscription.on('broadcast', ({ account, text }) => heard.push([account, text]));
  const sent = client.broadcast('c', '{"x":1}');
  assert.deepEqual(await world.reply('broadcast', { done: {} }), { channel: 'c', text: '{"x":1}' });
  await sent;
  await world.push({ broadcast: { channel: 'c', account: 'ada', text: 'now' } },
    { broadcast: { channel: 'other', account: 'ada', text: 'elsewhere' } });
  assert.deepEqual(heard, [['ada', 'now']]);
  subscription.unsubscribe();
  await world.push({ broadcast: { channel: 'c', account: 'ada', text: 'late' } });
  assert.deepEqual(heard, [['ada', 'now']]);
  assert.deepEqual(seen, []);
  await world.lose();
  await assert.rejects(client.broadcast('c', 'x'), { slug: 'connection_lost' });
});

// Everything half done × a change of the epoch, which may have more events than the log before.
const otherEpoch = (from, head = from) => ({ subscribed: { channel: 'c', from: at(from, '7'), head: at(head, '7') } });

test('another epoch whose log is longer than the one that was followed is begun anew too', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('subscribe', otherEpoch(20));
  await world.push(eventsPush(21, 21, 'c', '7'));
  assert.deepEqual(told, ['reset 20']);
  assert.deepEqual(seen, [21]);
});

test('events behind a hole are forgotten with their epoch', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(14, 15));
  await world.push(eventsPush(1, 1, 'c', '7'));
  await world.reply('subscribe', otherEpoch(13));
  assert.deepEqual(told, ['reset 13']);
  assert.deepEqual(seen, []);
  await world.push(eventsPush(14, 14, 'c', '7'));
  assert.deepEqual(seen, [14]);
});

test('a page that was asked for in the epoch before is not taken for one of this', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(12, 12));
  const page = world.socket.take('history');
  await world.push(eventsPush(1, 1, 'c', '7'));
  await world.reply('subscribe', otherEpoch(10));
  await world.push({ id: page.id, ...historyPage(11, 13) });
  assert.deepEqual(seen, []);
  assert.ok(!world.socket.has('history'), 'nothing seems to be missing');
  await world.push(eventsPush(11, 11, 'c', '7'));
  assert.deepEqual(seen, [11]);
  assert.deepEqual(told, ['reset 10']);
});

test('a page of another epoch than the one that was followed gives the position up', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(12, 12));
  await world.reply('history', { history_page: { channel: 'c', epoch: '7', events: [] } });
  assert.equal((await world.reply('subscribe', otherEpoch(3))).after, undefined);
  assert.deepEqual(told, ['reset 3']);
  assert.deepEqual(seen, []);
});

test('a wait for the next try of a page does not outlive its epoch', async () => {
  const world = new World();
  const { seen, told } = await live(world);
  await world.push(eventsPush(12, 12));
  await world.reply('history', { error: { code: 402, slug: 'overloaded', retryable: true, retry_after_ms: 900 } });
  await world.push(eventsPush(1, 1, 'c', '7'));
  await world.reply('subscribe', otherEpoch(10));
  await world.quiet(5_000);
  assert.ok(!world.socket.has('history') && !world.socket.has('subscribe'));
  assert.deepEqual([seen, told], [[], ['reset 10']]);
});
