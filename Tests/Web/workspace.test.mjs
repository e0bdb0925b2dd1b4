// The workspace: channels, unread counts, presence, typing; and the window into a log.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelLog, windowEventsMax, Workspace } from '../../web/sdk/index.js';
import { at, epoch, event, eventsPush, historyPage, subscribed, summary, World } from './world.mjs';

async function loaded(world, channels) {
  const client = await world.client();
  const workspace = new Workspace(client);
  await world.welcome();
  await lists(world, channels);
  return { client, workspace };
}

async function lists(world, channels) {
  await world.reply('watch_presence', { presence_list: { present: [{ account: 'a', state: 'ONLINE' }] } });
  await world.reply('list_people', { people_list: { people: [{ account: 'other' }, { account: 'me' }] } });
  await world.reply('list_channels', { channel_list: { channels } });
}

test('counts messages of others, not events', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 14, { read: '10' })]);
  const channel = workspace.channels.get('c');
  assert.equal(workspace.unread(channel), 4, 'events, until it is known');
  const asked = await world.reply('history', { history_page: { channel: 'c', epoch, events: [
    event(11), event(12, { kind: 'JOINED', key: '', text: '' }), event(13, { sender: 'me' }), event(14),
  ] } });
  assert.equal(asked.after, '10');
  assert.equal(workspace.unread(channel), 2);
  await world.reply('subscribe', subscribed(14, 14));
  await world.push(eventsPush(15, 16));
  assert.equal(workspace.unread(channel), 4);
  workspace.markRead('c', 15);
  assert.equal(workspace.unread(channel), 1);
  await world.advance(300);
  assert.equal((await world.reply('mark_read', { done: {} })).sequence, '15');
});

test('lists that fail for a passing reason are asked for again; others are reported', async () => {
  for (const [slug, retryable] of [['overloaded', true], ['key_unavailable', false]]) {
    const world = new World();
    const client = await world.client();
    const workspace = new Workspace(client);
    const told = [];
    workspace.on('loaded', () => told.push('loaded'));
    workspace.on('failed', (error) => told.push(error.slug));
    await world.welcome();
    await world.reply('list_channels', { error: { code: 402, slug, retryable } });
    for (const name of ['watch_presence', 'list_people']) world.socket.take(name);
    await world.advance(2_000);
    assert.deepEqual(told, retryable ? [] : ['key_unavailable']);
    if (!retryable) workspace.load();
    await lists(world, []);
    assert.equal(told.at(-1), 'loaded');
  }
});

test('who joins has not missed what was said before', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 40, { joined: false, read: '0' })]);
  const channel = workspace.channels.get('c');
  assert.equal(workspace.unread(channel), 0, 'nothing is unread where one is no member');
  const joined = workspace.join('c');
  await world.reply('join', { channel: { channel: summary('c', 41, { read: '0' }) } });
  assert.equal(workspace.unread(await joined), 0);
  await world.reply('subscribe', subscribed(41, 41));
  await world.push(eventsPush(42, 42));
  assert.equal(workspace.unread(channel), 1);
  workspace.leave('c');
  await world.reply('leave', { done: {} });
  assert.equal(workspace.unread(channel), 0);
  assert.ok(world.socket.has('unsubscribe'));
});

test('pages are no longer than the hub gives', async () => {
  const world = new World();
  const client = await world.client();
  const workspace = new Workspace(client);
  await world.welcome({ limits: { history_events_max: 20, commands_in_flight_max: 128 } });
  await lists(world, [summary('c', 100, { read: '10' })]);
  const asked = await world.reply('history', historyPage(11, 30, { more: true }));
  assert.equal(asked.limit, 20);
  assert.equal(workspace.unread(workspace.channels.get('c')), 90, 'events: the page did not show all');
});

test('a read marker moves forward only, and another session\'s counts', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(eventsPush(11, 13));
  const channel = workspace.channels.get('c');
  assert.equal(workspace.unread(channel), 3);
  await world.push({ read_marker: { channel: 'c', sequence: '12' } });
  assert.equal(workspace.unread(channel), 1);
  await world.push({ read_marker: { channel: 'c', sequence: '5' } });
  assert.equal(workspace.unread(channel), 1);
});

test('what was read stays read, also when one looks at something older', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(eventsPush(11, 13));
  workspace.markRead('c', 13);
  workspace.markRead('c', 11);
  assert.equal(workspace.channels.get('c').read, 13);
  await world.advance(1_000);
  assert.equal((await world.reply('mark_read', { done: {} })).sequence, '13');
  assert.ok(!world.socket.has('mark_read'));
});

test('a marker set offline is told later', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(eventsPush(11, 11));
  await world.lose();
  workspace.markRead('c', 11);
  await world.advance(1_000);
  await world.welcome();
  await lists(world, [summary('c', 11, { read: '10' })]);
  assert.equal(workspace.unread(workspace.channels.get('c')), 0);
  assert.equal((await world.reply('mark_read', { done: {} })).sequence, '11');
});

test('people join, change and go', async () => {
  const world = new World();
  const { client, workspace } = await loaded(world, []);
  let expelled = 0;
  workspace.on('expelled', () => void (expelled += 1));
  await world.push({ person_changed: { person: { account: 'new', first_name: 'N', role: 'ADMIN' } } });
  assert.deepEqual([...workspace.people.keys()], ['other', 'me', 'new']);
  await world.push({ person_removed: { account: 'new' } });
  assert.deepEqual([...workspace.people.keys()], ['other', 'me']);
  assert.equal(expelled, 0);
  await world.push({ person_removed: { account: 'me' } });
  assert.equal(expelled, 1);
  await world.lose(4501);
  assert.equal(client.state.name, 'stopped');
});

test('follows channels as they come and go', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10), summary('d', 3)]);
  const removed = [];
  workspace.on('removed', (id) => removed.push(id));
  await world.push({ channel_removed: { channel: 'd' } });
  await world.push({ channel_added: { channel: summary('x', 0) } });
  assert.deepEqual([...workspace.channels.keys()], ['c', 'x']);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await lists(world, [summary('x', 0)]);
  assert.deepEqual(removed, ['d', 'c']);
});

test('presence follows lists and changes, and is unknown without a connection', async () => {
  const world = new World();
  const { workspace } = await loaded(world, []);
  assert.equal(workspace.presence('a'), 'ONLINE');
  await world.push({ presence: { changes: [{ account: 'a', state: 'OFFLINE' }, { account: 'b', state: 'AWAY' }] } });
  assert.deepEqual(['a', 'b'].map((account) => workspace.presence(account)), ['OFFLINE', 'AWAY']);
  workspace.setPresence('AWAY');
  assert.equal((await world.reply('presence', { done: {} })).state, 'AWAY');
  await world.lose();
  assert.equal(workspace.presence('b'), 'OFFLINE');
  await world.advance(1_000);
  await world.welcome();
  assert.equal((await world.reply('presence', { done: {} })).state, 'AWAY', 'told again');
});

test('typing ends by itself, by a message, and is not repeated too often', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  await world.reply('subscribe', subscribed(10, 10));
  await world.push({ typing: { channel: 'c', account: 'other', active: true } });
  assert.deepEqual(workspace.typing.others('c'), ['other']);
  await world.advance(6_000);
  assert.deepEqual(workspace.typing.others('c'), []);
  await world.push({ typing: { channel: 'c', account: 'other', active: true } }, eventsPush(11, 11));
  assert.deepEqual(workspace.typing.others('c'), []);
  const say = (active) => workspace.typing.own('c', active);
  for (const active of [true, true, false, false, true]) say(active);
  assert.deepEqual(world.socket.commands.filter(({ name }) => name === 'typing')
    .map(({ body }) => body.active), [true, false, true]);
});

async function openLog(world, to) {
  const client = await world.ready();
  const log = new ChannelLog(client, 'c');
  await world.reply('subscribe', subscribed(to, to));
  await world.reply('history', historyPage(to - 59, to, { more: true }));
  return { client, log };
}
const span = (log) => [log.events[0].sequence, log.events.at(-1).sequence, log.events.length];

test('a log shows the newest page and grows with what arrives', async () => {
  const world = new World();
  const { log } = await openLog(world, 500);
  assert.deepEqual(span(log), [441, 500, 60]);
  await world.push(eventsPush(501, 502));
  assert.deepEqual(span(log), [441, 502, 62]);
  assert.deepEqual([log.isAtStart, log.isAtEnd, log.state], [false, true, 'ready']);
});

test('a log stays within its bound: cut at the end while going back, at the start while going on', async () => {
  const world = new World();
  const { log } = await openLog(world, 500);
  for (let first = 441; first > 141; first -= 60) {
    void log.loadOlder();
    const asked = await world.reply('history', historyPage(first - 60, first - 1, { more: true }));
    assert.equal(asked.before, String(first));
  }
  assert.deepEqual(span(log), [141, 440, windowEventsMax]);
  assert.equal(log.isAtEnd, false);
  await world.push(eventsPush(501, 501));
  assert.deepEqual(span(log), [141, 440, windowEventsMax], 'what is not adjacent is not shown');
  void log.loadNewer();
  await world.reply('history', historyPage(441, 501));
  assert.deepEqual(span(log), [202, 501, windowEventsMax]);
  assert.deepEqual([log.isAtStart, log.isAtEnd], [false, true]);
  await world.push(eventsPush(502, 502));
  assert.deepEqual(span(log), [203, 502, windowEventsMax]);
});

test('events that arrive while the newest page is loading are kept', async () => {
  const world = new World();
  const client = await world.ready();
  const log = new ChannelLog(client, 'c');
  await world.reply('subscribe', subscribed(100, 100));
  await world.push(eventsPush(101, 103));
  await world.reply('history', historyPage(42, 101, { more: true }));
  assert.deepEqual(span(log), [42, 103, 62]);
});

test('an own message is shown once: on its way, then as the event', async () => {
  const world = new World();
  const { client, log } = await openLog(world, 500);
  const entry = client.post('c', 'mine');
  assert.deepEqual(log.outgoing.map(({ text }) => text), ['mine']);
  await world.settle();
  await world.reply('post', { posted: { channel: 'c', position: at(501) } });
  assert.deepEqual(log.outgoing.map(({ state }) => state), ['sent'], 'until the event is there');
  await world.push({ events: { channel: 'c', epoch, events: [event(501, { key: entry.key, sender: 'me' })] } });
  assert.deepEqual(log.outgoing, []);
  assert.equal(log.newestSequence, 501);
});

test('the event may come before the reply to the post', async () => {
  const world = new World();
  const { client, log } = await openLog(world, 500);
  const entry = client.post('c', 'mine');
  await world.settle();
  await world.push({ events: { channel: 'c', epoch, events: [event(501, { key: entry.key, sender: 'me' })] } });
  assert.deepEqual(log.outgoing, []);
  await world.reply('post', { posted: { channel: 'c', position: at(501) } });
  assert.deepEqual(log.outgoing, []);
});

test('a log that could not be loaded says why, and loads when the hub is back', async () => {
  const world = new World();
  const client = await world.ready();
  const log = new ChannelLog(client, 'c');
  await world.reply('history', { error: { code: 502, slug: 'key_unavailable' } });
  assert.deepEqual([log.state, log.error.slug], ['failed', 'key_unavailable']);
  await world.lose();
  await world.advance(1_000);
  await world.welcome();
  await world.reply('history', historyPage(1, 5));
  assert.deepEqual([log.state, log.error, log.isAtStart], ['ready', null, true]);
});
