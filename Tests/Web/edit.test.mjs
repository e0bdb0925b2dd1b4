// Edits: sent as reliably as messages, and shown with their message wherever the two come from.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeCommand } from '../../web/sdk/protocol.js';
import { ChannelLog, windowEventsMax, Workspace } from '../../web/sdk/index.js';
import { Outbox } from '../../web/sdk/outbox.js';
import { at, epoch, event, events, eventsPush, historyPage, subscribed, summary, World } from './world.mjs';

const edit = (sequence, target, text, more = {}) =>
  event(sequence, { kind: 'EDITED', target: String(target), text, ...more });
const push = (...list) => ({ events: { channel: 'c', epoch, events: list } });
const page = (list, more = false) => ({ history_page: { channel: 'c', epoch, events: list, more } });
const posted = (sequence) => ({ posted: { channel: 'c', position: at(sequence), event: 'e', at_ms: '5' } });

async function openLog(world, list, more = false) {
  const client = await world.ready();
  const log = new ChannelLog(client, 'c');
  const head = Number(list.at(-1)?.sequence ?? 0);
  await world.reply('subscribe', subscribed(head, head));
  await world.reply('history', page(list, more));
  return { client, log };
}
const shown = (log) => log.events.map(({ sequence, text }) => `${sequence} ${text}`);
const text = (log, sequence) => log.events.find((one) => one.sequence === sequence)?.text;

test('an edit is a command with a wide target', () => {
  assert.equal(encodeCommand(1, 'edit', { channel: 'c', key: 'k', target: 7, text: 'x' }),
    '{"id":1,"edit":{"channel":"c","key":"k","target":"7","text":"x"}}');
});

test('an edit that is pushed changes its message, and is no event of its own', async () => {
  const world = new World();
  const { log } = await openLog(world, events(1, 3));
  await world.push(push(edit(4, 2, 'new')));
  assert.deepEqual(shown(log), ['1 text 1', '2 new', '3 text 3']);
  assert.deepEqual([log.events[1].edit.at_ms, log.events[0].edit], [1_004, undefined]);
  assert.equal(log.newestSequence, 4, 'it counts as seen');
  await world.push(push(event(5)), push(edit(6, 2, 'newer')));
  assert.deepEqual(shown(log), ['1 text 1', '2 newer', '3 text 3', '5 text 5']);
});

test('the newest edit counts, in whatever order they come', async () => {
  const world = new World();
  const { log } = await openLog(world, [...events(61, 63), edit(64, 1, 'newest')], true);
  void log.loadOlder();
  const asked = await world.reply('history', page([event(1), edit(2, 1, 'older'), ...events(3, 60)]));
  assert.equal(asked.before, '61');
  assert.equal(text(log, 1), 'newest');
  assert.equal(log.events[0].sequence, 1);
});

test('a page of edits only is gone past', async () => {
  const world = new World();
  const edits = Array.from({ length: 60 }, (_, index) => edit(100 + index, 5, `v${index}`));
  const { log } = await openLog(world, edits, true);
  assert.deepEqual([shown(log), log.isAtStart, log.newestSequence], [[], false, 159]);
  void log.loadOlder();
  assert.equal((await world.reply('history', page(events(5, 99), true))).before, '100');
  assert.equal(text(log, 5), 'v59');
  await world.push(push(event(160)));
  assert.equal(log.events.at(-1).sequence, 160, 'and the end is still live');
});

test('edits that come while one reads further up reach what is in view and what will be', async () => {
  const world = new World();
  const { log } = await openLog(world, events(441, 500), true);
  for (let first = 441; first > 141; first -= 60) {
    void log.loadOlder();
    await world.reply('history', historyPage(first - 60, first - 1, { more: true }));
  }
  assert.equal(log.isAtEnd, false);
  await world.push(push(edit(501, 200, 'in view'), edit(502, 100, 'further up'), edit(503, 490, 'further down')));
  assert.equal(text(log, 200), 'in view');
  assert.equal(log.events.length, windowEventsMax);
  void log.loadOlder();
  await world.reply('history', historyPage(81, 140, { more: true }));
  assert.equal(text(log, 100), 'further up');
  while (!log.isAtEnd) {
    void log.loadNewer();
    const after = Number(world.socket.commands.find(({ name }) => name === 'history').body.after);
    const to = Math.min(after + 60, 500);
    const last = to === 500 ? [edit(501, 200, 'in view'), edit(502, 100, 'further up'),
      edit(503, 490, 'further down')] : [];
    await world.reply('history', page([...events(after + 1, to), ...last], to < 500));
  }
  assert.equal(text(log, 490), 'further down');
  assert.deepEqual([log.newestSequence, log.events.length], [503, windowEventsMax]);
});

test('edits of a replay after a lost connection are shown', async () => {
  const world = new World();
  const { log } = await openLog(world, events(1, 3));
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  assert.equal((await world.reply('subscribe', subscribed(3, 5))).after.sequence, '3');
  await world.push(push(event(4), edit(5, 1, 'new')));
  assert.deepEqual(shown(log), ['1 new', '2 text 2', '3 text 3', '4 text 4']);
});

test('edits of an epoch that is over are forgotten', async () => {
  const world = new World();
  const { log } = await openLog(world, [event(1), edit(2, 1, 'new')]);
  assert.equal(text(log, 1), 'new');
  await world.push(eventsPush(1, 1, 'c', '7'));
  await world.reply('subscribe', { subscribed: { channel: 'c', from: at(1, '7'), head: at(1, '7') } });
  await world.reply('history', { history_page: { channel: 'c', epoch: '7', events: events(1, 1) } });
  assert.equal(text(log, 1), 'text 1');
});

test('an own edit is shown at once, and settled by its event', async () => {
  const world = new World();
  const { client, log } = await openLog(world, [event(1, { sender: 'me' })]);
  const entry = client.edit('c', 1, 'mine');
  assert.deepEqual([...log.outgoingEdits].map(([target, { text: next, state }]) => [target, next, state]),
    [[1, 'mine', 'pending']]);
  assert.deepEqual(log.outgoing, [], 'it is no message');
  await world.settle();
  const body = await world.reply('edit', posted(2));
  assert.deepEqual(body, { channel: 'c', key: entry.key, target: '1', text: 'mine' });
  assert.equal(log.outgoingEdits.get(1).state, 'sent', 'until the event is there');
  await world.push(push(edit(2, 1, 'mine', { key: entry.key, sender: 'me' })));
  assert.equal(log.outgoingEdits.size, 0);
  assert.equal(text(log, 1), 'mine');
});

test('the event may come before the reply to the edit', async () => {
  const world = new World();
  const { client, log } = await openLog(world, [event(1, { sender: 'me' })]);
  const entry = client.edit('c', 1, 'mine');
  await world.settle();
  await world.push(push(edit(2, 1, 'mine', { key: entry.key, sender: 'me' })));
  assert.equal(log.outgoingEdits.size, 0);
  await world.reply('edit', posted(2));
  assert.equal(log.outgoingEdits.size, 0);
});

test('what was acknowledged behind its event does not come back when the window has moved on', async () => {
  const world = new World();
  const { client, log } = await openLog(world, [event(1)]);
  const entry = client.post('c', 'mine');
  await world.settle();
  await world.push(push(event(2, { key: entry.key, sender: 'me' })));
  await world.reply('post', posted(2));
  await world.push(eventsPush(3, 3 + windowEventsMax));
  assert.equal(log.events[0].sequence, 4);
  assert.deepEqual(log.outgoing, []);
});

test('a refused edit stays with its message until it is tried again, discarded or replaced', async () => {
  const world = new World();
  const { client, log } = await openLog(world, [event(1, { sender: 'me' })]);
  const refusal = { error: { code: 302, slug: 'not_member' } };
  const first = client.edit('c', 1, 'first');
  await world.settle();
  await world.reply('edit', refusal);
  assert.deepEqual([log.outgoingEdits.get(1).state, log.outgoingEdits.get(1).error.slug], ['failed', 'not_member']);
  client.outbox.retry(first.key);
  await world.settle();
  assert.equal((await world.reply('edit', refusal)).key, first.key);
  const { key } = client.edit('c', 1, 'second');
  assert.deepEqual(client.outbox.entries('c').map((entry) => entry.text), ['second']);
  await world.settle();
  await world.reply('edit', posted(2));
  await world.push(push(edit(2, 1, 'second', { key })));
  assert.equal(log.outgoingEdits.size, 0);
});

test('edits keep their place among the messages, and their keys across connections', async () => {
  const world = new World();
  const client = await world.ready();
  client.post('c', 'a');
  const entry = client.edit('c', 1, 'b');
  client.post('c', 'd');
  await world.settle();
  await world.reply('post', posted(2));
  assert.equal(world.socket.take('edit').body.key, entry.key);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  assert.equal((await world.reply('edit', posted(3))).key, entry.key);
  assert.equal((await world.reply('post', posted(4))).text, 'd');
});

test('an edit survives a reload, and a message of an earlier version is still one', async () => {
  const world = new World();
  const old = { channel: 'c', createdAtMs: 1, failure: null };
  const left = [{ ...old, key: 'm', text: 'x', order: 0 }, { ...old, key: 'e', text: 'y', order: 1, target: 9 }];
  const sent = [];
  const outbox = new Outbox({
    environment: world.environment,
    store: Promise.resolve({
      claim: async () => left, put: async () => {}, remove: async () => {}, clear: async () => {}, close: () => {},
    }),
    post: async ({ key, target }) => void sent.push([key, target]),
  });
  outbox.resume();
  await world.settle();
  assert.deepEqual(sent, [['m', null], ['e', 9]]);
});

test('bounds of an edit are those of a message', async () => {
  const world = new World();
  const client = await world.ready();
  assert.throws(() => client.edit('c', 1, 'x'.repeat(101)), { slug: 'too_large' });
  assert.throws(() => client.edit('c', 1, ''), { slug: 'invalid_argument' });
});

test('an edit is no unread message, and moves the head', async () => {
  const world = new World();
  const client = await world.client();
  const workspace = new Workspace(client);
  const heard = [];
  workspace.on('message', ({ event: { sequence } }) => heard.push(sequence));
  await world.welcome();
  await world.reply('watch_presence', { presence_list: {} });
  await world.reply('list_people', { people_list: { people: [{ account: 'other' }] } });
  await world.reply('list_channels', { channel_list: { channels: [summary('c', 10)] } });
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(push(edit(11, 3, 'new'), event(12)));
  const channel = workspace.channels.get('c');
  assert.deepEqual([workspace.unread(channel), channel.head.sequence, heard], [1, 12, [12]]);
});
