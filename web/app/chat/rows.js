// What the message list shows, row by row: days, the new-messages line, messages in groups, who
// joined or left, and messages on their way.

import { h } from '../dom.js';
import {
  dayKey, dayText, errorText, momentText, shortTimeText, timeText,
} from '../format.js';
import { icon } from '../icons.js';
import { messageNodes } from '../text.js';
import { avatar } from './avatar.js';
import { personName } from './names.js';

/** @typedef {import('./chat.js').Chat} Chat */
/** @typedef {import('../dom.js').Row} Row */
/** @typedef {import('../../sdk/types.js').Event} Event */
/** @typedef {import('../../sdk/log.js').ShownEvent} ShownEvent */
/** @typedef {import('../../sdk/outbox.js').OutboxEntry} OutboxEntry */
/**
 * Which message is being edited, and how another comes to be.
 * @typedef {object} Editing
 * @property {import('./editor.js').Editor | null} editor
 * @property {(event: ShownEvent) => void} begin
 */

/** Longer texts, in characters or lines, are folded. */
const foldedFrom = 3_000;
const foldedLines = 40;
/** Messages of one person closer than this stand under one name. */
const groupMs = 5 * 60_000;

/**
 * @param {Chat} chat
 * @param {import('../../sdk/log.js').ChannelLog} log
 * @param {number} newFrom the line goes above the first message of others from here on; 0: none
 * @param {Editing | null} editing null: nothing can be edited
 * @returns {Row[]}
 */
export function logRows(chat, log, newFrom, editing) {
  /** @type {Row[]} */
  const rows = [];
  const now = Date.now();
  const edits = log.outgoingEdits;
  let day = '';
  let isMarked = false;
  /** @type {{sender: string, atMs: number} | null} */
  let group = null;
  /** @param {number} atMs */
  const startDay = (atMs) => {
    if (dayKey(atMs) === day) return;
    day = dayKey(atMs);
    group = null;
    rows.push(dividerRow(`day ${day}`, dayText(atMs, now), 'day'));
  };
  /** @param {string} sender @param {number} atMs @returns {boolean} */
  const begins = (sender, atMs) => {
    const isNew = group === null || group.sender !== sender || atMs - group.atMs > groupMs;
    group = { sender, atMs };
    return isNew;
  };
  for (const event of log.events) {
    // The time of a damaged entry may not be known.
    if (event.at_ms > 0) startDay(event.at_ms);
    const isNews = event.kind === 'MESSAGE' && event.sender !== chat.self();
    if (isNews && newFrom > 0 && event.sequence >= newFrom && !isMarked) {
      isMarked = true;
      rows.push(dividerRow('new', 'New', 'new'));
      group = null;
    }
    if (event.kind === 'MESSAGE') {
      const isFirst = begins(event.sender, event.at_ms);
      rows.push(messageRow(chat, event, isFirst, edits.get(event.sequence), editing));
    } else if (event.kind === 'DAMAGED') {
      group = null;
      rows.push(damagedRow(event));
    } else {
      group = null;
      rows.push(membershipRow(chat, event));
    }
  }
  if (log.isAtEnd) {
    for (const entry of log.outgoing) {
      startDay(entry.createdAtMs);
      rows.push(outgoingRow(chat, entry, begins(chat.self(), entry.createdAtMs)));
    }
  }
  return rows;
}

/** @param {string} key @param {string} text @param {string} kind @returns {Row} */
function dividerRow(key, text, kind) {
  return {
    key, version: text,
    make: () => h('li', { class: `divider ${kind}` }, h('span', {}, text)),
  };
}

/**
 * @param {Chat} chat
 * @param {ShownEvent} event
 * @param {boolean} isFirst
 * @param {OutboxEntry | undefined} outgoing an edit that is not in the log yet
 * @param {Editing | null} editing
 * @returns {Row}
 */
function messageRow(chat, event, isFirst, outgoing, editing) {
  const { sequence, sender, edit } = event;
  const name = personName(chat, sender);
  const editor = editing?.editor?.sequence === sequence ? editing.editor : null;
  const isEditable = editing !== null && editor === null && sender === chat.self();
  return {
    // By the idempotency key, so that a sent message turns into its event in place.
    key: `m ${sender} ${event.key || sequence}`,
    // What is being edited stays as it is, with what has been typed.
    version: editor ? `editing ${isFirst} ${name}` : `${sequence} ${isFirst} ${name} ${isEditable} `
      + `${edit?.sequence} ${outgoing?.key} ${outgoing?.state} ${outgoing?.error?.slug}`,
    make: () => h('li', {
      class: `message${isFirst ? ' first' : ''}`
        + `${outgoing && !editor ? ` outgoing ${outgoing.state}` : ''}`,
      'data-sequence': sequence, 'data-sender': sender,
    }, ...messageContent(chat, sender, name, event.at_ms, isFirst, ...editor ? [editor.element]
      : [textBody(outgoing?.text ?? event.text), edit && editedMark(edit)]),
    outgoing && !editor && delivery(chat, outgoing, 'saved'),
    isEditable && h('div', { class: 'message-actions' }, h('button', {
      type: 'button', class: 'icon-button small', title: 'Edit', tabindex: -1,
      'aria-label': `Edit message: ${(outgoing?.text ?? event.text).slice(0, 60)}`,
      onclick: () => editing.begin(event),
    }, icon('pencil')))),
  };
}

/** @param {string} text */
function textBody(text) {
  const body = h('div', { class: 'text', dir: 'auto' }, ...messageNodes(text));
  if (text.length <= foldedFrom && text.split('\n').length <= foldedLines) return body;
  body.classList.add('folded');
  const more = h('button', {
    type: 'button', class: 'link-button unfold', 'aria-expanded': 'false',
    onclick: () => {
      const isFolded = body.classList.toggle('folded');
      more.setAttribute('aria-expanded', String(!isFolded));
      more.textContent = isFolded ? 'Show all' : 'Show less';
    },
  }, 'Show all');
  return h('div', {}, body, more);
}

/** @param {Event} edit */
function editedMark({ at_ms: atMs }) {
  return h('time', {
    class: 'edited', datetime: new Date(atMs).toISOString(), title: `Edited ${momentText(atMs)}`,
  }, 'edited');
}

/**
 * @param {Chat} chat
 * @param {string} sender
 * @param {string} name
 * @param {number} atMs
 * @param {boolean} isFirst
 * @param {...(Node | false | undefined)} body
 */
function messageContent(chat, sender, name, atMs, isFirst, ...body) {
  const time = h('time', { datetime: new Date(atMs).toISOString(), title: momentText(atMs) },
    isFirst ? timeText(atMs) : shortTimeText(atMs));
  if (!isFirst) {
    return [h('span', { class: 'visually-hidden' }, `${name}: `),
      h('div', { class: 'gutter' }, time), h('div', { class: 'body' }, ...body)];
  }
  return [h('div', { class: 'gutter' }, avatar(chat, sender, 'medium')),
    h('div', { class: 'body' },
      h('div', { class: 'message-head' }, h('strong', { class: 'name', dir: 'auto' }, name), time),
      ...body)];
}

/** @param {Chat} chat @param {Event} event @returns {Row} */
function membershipRow(chat, event) {
  const subject = event.subject ?? event.sender;
  const who = personName(chat, subject);
  const isSelf = subject === event.sender;
  const by = personName(chat, event.sender);
  const text = event.kind === 'JOINED' ? (isSelf ? `${who} joined` : `${by} added ${who}`)
    : event.kind === 'LEFT' ? (isSelf ? `${who} left` : `${by} removed ${who}`)
      : 'Something happened that this version cannot show';
  return {
    key: `e ${event.sequence}`, version: text,
    make: () => h('li', { class: 'membership', 'data-event': event.sequence }, text,
      h('time', { title: momentText(event.at_ms) }, timeText(event.at_ms))),
  };
}

/** @param {Event} event @returns {Row} */
function damagedRow({ sequence, at_ms: atMs }) {
  return {
    key: `e ${sequence}`, version: 'damaged',
    make: () => h('li', { class: 'membership damaged', 'data-event': sequence },
      'This message is damaged',
      atMs > 0 && h('time', { title: momentText(atMs) }, timeText(atMs))),
  };
}

/** @param {Chat} chat @param {OutboxEntry} entry @param {boolean} isFirst @returns {Row} */
function outgoingRow(chat, entry, isFirst) {
  const name = personName(chat, chat.self());
  const { state } = entry;
  return {
    key: `m ${chat.self()} ${entry.key}`,
    version: `${state} ${isFirst} ${name} ${entry.error?.slug ?? ''}`,
    make: () => h('li', { class: `message outgoing ${state}${isFirst ? ' first' : ''}` },
      ...messageContent(chat, chat.self(), name, entry.createdAtMs, isFirst, textBody(entry.text)),
      delivery(chat, entry, 'sent')),
  };
}

/**
 * Where something on its way stands, and what can be done when it was refused.
 * @param {Chat} chat
 * @param {OutboxEntry} entry
 * @param {'sent' | 'saved'} done what it is to become
 */
function delivery(chat, { key, state, error }, done) {
  const { outbox } = chat.client;
  return h('div', { class: 'delivery' },
    state === 'failed' ? [
      icon('alert'),
      h('span', {}, `Not ${done}. `, error ? errorText(error) : ''),
      h('button', {
        type: 'button', class: 'link-button', onclick: () => outbox.retry(key),
      }, 'Try again'),
      h('button', {
        type: 'button', class: 'link-button', onclick: () => outbox.discard(key),
      }, 'Discard'),
    ] : [icon(state === 'sent' ? 'check' : 'clock'),
      h('span', { class: 'visually-hidden' },
        state === 'sent' ? (done === 'sent' ? 'Sent' : 'Saved') : `Waiting to be ${done}`)]);
}
