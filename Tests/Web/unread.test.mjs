// Unread messages in large numbers, where a log opens, and names of people who left.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelLog, Workspace } from '../../web/sdk/index.js';
import { epoch, event, events, eventsPush, historyPage, subscribed, summary, World } from './world.mjs';

async function loaded(world, channels, options) {
  const client = await world.client();
  const workspace = new Workspace(client, options);
  await world.welcome();
  await world.reply('watch_presence', { presence_list: { present: [] } });
  await world.reply('list_people', { people_list: { people: [{ account: 'other' }, { account: 'me' }] } });
  await world.reply('list_channels', { channel_list: { channels } });
  return { client, workspace };
}

test('live counts go on beyond a page and beyond what is listed, and come down exactly', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  const channel = workspace.channels.get('c');
  await world.reply('subscribe', subscribed(10, 10));
  for (let from = 11; from <= 1_510; from += 100) await world.push(eventsPush(from, from + 99));
  assert.equal(workspace.unread(channel), 1_500);
  assert.equal(workspace.firstUnread(channel), 0, 'the first is not listed any more');
  workspace.markRead('c', 510);
  assert.equal(workspace.unread(channel), 1_000);
  assert.equal(workspace.firstUnread(channel), 511);
  workspace.markRead('c', 1_509);
  assert.equal(workspace.unread(channel), 1);
  workspace.markRead('c', 1_510);
  assert.equal(workspace.unread(channel), 0);
});

test('many missed events are counted as the hub counts them until they are read', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 410, { read: '10' })]);
  const channel = workspace.channels.get('c');
  assert.ok(!world.socket.has('history'), 'nobody looks up so many');
  assert.equal(workspace.unread(channel), 400);
  await world.reply('subscribe', subscribed(410, 410));
  await world.push(eventsPush(411, 411));
  assert.equal(workspace.unread(channel), 401);
  workspace.markRead('c', 411);
  await world.push(eventsPush(412, 413));
  assert.equal(workspace.unread(channel), 2);
});

test('an own message reads nothing of what others wrote before it', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  const channel = workspace.channels.get('c');
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(eventsPush(11, 12));
  await world.push({ events: { channel: 'c', epoch, events: [event(13, { sender: 'me' })] } });
  assert.equal(workspace.unread(channel), 2);
  workspace.markRead('c', 12);
  await world.push({ events: { channel: 'c', epoch, events: [event(14, { sender: 'me' })] } });
  assert.equal(channel.read, 14, 'where all is read, so is what one writes');
});

test('being added by somebody counts, joining does not', async () => {
  for (const [sender, count] of [['other', 1], ['me', 0]]) {
    const world = new World();
    const { workspace } = await loaded(world, [summary('c', 5, { read: '4' })]);
    const page = { channel: 'c', epoch, events: [event(5, { kind: 'JOINED', sender, subject: 'me', text: '' })] };
    await world.reply('history', { history_page: page });
    assert.equal(workspace.unread(workspace.channels.get('c')), count);
  }
});

test('the first marker goes out at once, later ones together', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('c', 10)]);
  await world.reply('subscribe', subscribed(10, 10));
  await world.push(eventsPush(11, 15));
  workspace.markRead('c', 11);
  assert.equal((await world.reply('mark_read', { done: {} })).sequence, '11');
  for (const sequence of [12, 13, 14]) workspace.markRead('c', sequence);
  assert.ok(!world.socket.has('mark_read'));
  await world.advance(300);
  assert.equal((await world.reply('mark_read', { done: {} })).sequence, '14');
});

test('a log with more unread than a page has opens at the first of them', async () => {
  const world = new World();
  const client = await world.ready();
  const log = new ChannelLog(client, 'c', { read: 40, head: 440 });
  await world.reply('subscribe', subscribed(440, 440));
  const asked = await world.reply('history', historyPage(41, 100, { more: true }));
  assert.deepEqual([asked.after, asked.limit], ['40', 60]);
  assert.equal(log.oldestSequence, 41);
  assert.deepEqual([log.isAtStart, log.isAtEnd], [false, false]);
  await world.push(eventsPush(441, 441));
  assert.equal(log.newestSequence, 100, 'what comes now does not follow what is shown');
  void log.loadNewer();
  assert.equal((await world.reply('history', historyPage(101, 160, { more: true }))).after, '100');
  assert.equal(log.newestSequence, 160);
});

test('a log that is unread from its beginning opens there', async () => {
  const world = new World();
  const client = await world.ready();
  const log = new ChannelLog(client, 'c', { read: 0, head: 400 });
  await world.reply('subscribe', subscribed(400, 400));
  assert.equal((await world.reply('history', historyPage(1, 60, { more: true }))).after, '0');
  assert.ok(log.isAtStart);
});

test('a log whose unread events fit into a page opens at the newest', async () => {
  const world = new World();
  const client = await world.ready();
  const log = new ChannelLog(client, 'c', { read: 300, head: 400 });
  await world.reply('subscribe', subscribed(400, 400));
  const asked = await world.reply('history', historyPage(281, 400, { more: true }));
  assert.deepEqual([asked.after, asked.limit], [undefined, 120]);
  assert.ok(log.isAtEnd);
  assert.ok(log.oldestSequence <= 301);
});

test('names of people who left are looked up together, once, and again when the hub was away', async () => {
  const world = new World();
  const asked = [];
  let isAway = true;
  const { workspace } = await loaded(world, [], { lookUpPeople: async (accounts) => {
    asked.push(accounts);
    if (isAway) throw new TypeError('away');
    return [{ account: 'gone', first_name: 'Cleo', last_name: 'O', former: true }];
  } });
  let told = 0;
  workspace.on('people', () => void (told += 1));
  assert.equal(workspace.person('gone'), undefined);
  assert.equal(workspace.person('nobody'), undefined);
  await world.advance(50);
  assert.deepEqual(asked, [['gone', 'nobody']]);
  isAway = false;
  await world.advance(5_000);
  assert.equal(asked.length, 2);
  assert.equal(workspace.person('gone').first_name, 'Cleo');
  assert.equal(workspace.person('nobody'), undefined);
  await world.advance(60_000);
  assert.equal(asked.length, 2, 'who was found or does not exist is not asked for again');
  assert.equal(told, 1);
});

test('who is removed keeps the name that was known', async () => {
  const world = new World();
  const asked = [];
  const { workspace } = await loaded(world, [], { lookUpPeople: async (accounts) => {
    asked.push(accounts);
    return [];
  } });
  await world.push({ person_changed: { person: { account: 'x', first_name: 'Xaver', last_name: '', role: 'MEMBER' } } });
  await world.push({ person_removed: { account: 'x' } });
  assert.ok(!workspace.people.has('x'));
  assert.equal(workspace.person('x').first_name, 'Xaver');
  await world.advance(1_000);
  assert.deepEqual(asked, []);
});

test('conversations are ordered by what happened last, as far as this client has seen it', async () => {
  const world = new World();
  const { workspace } = await loaded(world, [summary('new', 5), summary('old', 5)]);
  assert.equal(workspace.activity('new'), workspace.activity('old'));
  for (const name of ['new', 'old']) await world.reply('subscribe', subscribed(5, 5, { channel: name }));
  await world.push({ events: { channel: 'old', epoch, events: events(6, 6) } });
  assert.ok(workspace.activity('old') > workspace.activity('new'));
});
