// The JSON encoding: defaults, unknown things, wrong types, wide numbers.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decodeFrames, encodeCommand, ProtocolError, replyName } from '../../web/sdk/protocol.js';

const decode = (frame) => decodeFrames(JSON.stringify(frame))[0];

test('wide numbers are strings on the wire, others numbers', () => {
  assert.equal(encodeCommand(3, 'history', { channel: 'c', before: 9007199254740991, limit: 50 }),
    '{"id":3,"history":{"channel":"c","before":"9007199254740991","limit":50}}');
  assert.equal(encodeCommand(4, 'subscribe', { channel: 'c', after: { epoch: '5', sequence: 6 } }),
    '{"id":4,"subscribe":{"channel":"c","after":{"epoch":"5","sequence":"6"}}}');
});

test('absent fields have their defaults', () => {
  assert.deepEqual(decode({ id: 1, posted: {} }).body, {
    channel: '', position: { epoch: '0', sequence: 0 }, event: '', at_ms: 0, duplicate: false,
  });
  const [event] = decode({ events: { events: [{}] } }).body.events;
  assert.deepEqual(event, {
    sequence: 0, id: '', kind: 'EVENT_KIND_UNSPECIFIED', sender: '', subject: undefined, at_ms: 0,
    key: '', text: '', target: undefined,
  });
  assert.equal(decode({ id: 1, subscribed: {} }).body.gap, undefined);
});

test('one message may hold several frames', () => {
  const frames = decodeFrames('{"id":1,"done":{}}\n\n{"events":{}}\n');
  assert.deepEqual(frames.map(({ id, name }) => [id, name]), [[1, 'done'], [0, 'events']]);
});

test('what is newer than this client is ignored', () => {
  assert.deepEqual(decode({ reactions: {} }), { id: 0, name: '', body: null });
  const { body } = decode({ id: 1, done: { more: 1 }, trace: 'x' });
  assert.deepEqual(body, {});
  const [event] = decode({ events: { events: [{ kind: 'REACTED' }, { kind: 9 }] } }).body.events;
  assert.equal(event.kind, 'REACTED');
  assert.equal(decode({ events: { events: [{ kind: 9 }] } }).body.events[0].kind, 'EVENT_KIND_UNSPECIFIED');
});

test('wide numbers are read exactly or refused', () => {
  const sequence = (value) => decode({ read_marker: { sequence: value } }).body.sequence;
  assert.equal(sequence('9007199254740991'), 9007199254740991);
  assert.equal(sequence(12), 12);
  for (const bad of ['9007199254740992', '-1', '1.5', 'x', '', 1.5, -1, true, {}]) {
    assert.throws(() => sequence(bad), ProtocolError, JSON.stringify(bad));
  }
  const { epoch } = decode({ events: { epoch: '18446744073709551615' } }).body;
  assert.equal(epoch, '18446744073709551615');
  assert.throws(() => decode({ events: { epoch: 'abc' } }), ProtocolError);
});

const refused = [
  '{', 'null', '[]', '"x"', '{"id":"x"}', '{"id":1,"done":{},"pong":{}}', '{"events":[]}',
  '{"events":{"channel":5}}', '{"events":{"events":{}}}', '{"events":{"events":[1]}}',
  '{"typing":{"active":"yes"}}', '{"presence":{"changes":[null]}}'.replace('null', '[]'),
];
test('what breaks the contract is refused', () => {
  for (const text of refused) assert.throws(() => decodeFrames(text), ProtocolError, text);
});

const golden = (name) => readFileSync(new URL(`../Protocol/Golden/${name}.ndjson`, import.meta.url), 'utf8')
  .split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));

test('the hub\'s golden samples are read without losing anything', () => {
  for (const { name, json: sample } of golden('server')) {
    // Numbers that JavaScript cannot count to are refused; the rest of their sample is read.
    const text = JSON.stringify(sample);
    const json = JSON.parse(text.replace(/"(sequence|at_ms)":"\d{17,}"/g, '"$1":"9007199254740991"'));
    if (JSON.stringify(json) !== text) assert.throws(() => decode(sample), ProtocolError, name);
    const { id, name: alternative, body } = decode(json);
    assert.equal(id, json.id ?? 0, name);
    assert.notEqual(alternative, '', `${name} is known`);
    assertHolds(body, json[alternative], name);
  }
});

test('every command of the golden samples is known, and written as they are', () => {
  for (const { name, json } of golden('client')) {
    const [command] = Object.keys(json).filter((key) => key !== 'id');
    assert.ok(command in replyName, name);
    assert.deepEqual(JSON.parse(encodeCommand(json.id, command, json[command])), json, name);
  }
});

/** Every field of the sample is in what was read; numbers may have come as strings. */
function assertHolds(read, sample, where) {
  if (typeof sample !== 'object') {
    assert.equal(String(read), String(sample), where);
    return;
  }
  for (const [key, value] of Object.entries(sample)) assertHolds(read[key], value, `${where}.${key}`);
}
