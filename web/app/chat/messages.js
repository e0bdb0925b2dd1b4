// The scrolling list of messages: stays at the newest while one is there, keeps its place
// otherwise, loads at both ends, and tells the hub what has been read.

import { openConfirm } from '../dialogs/confirm.js';
import { announce, coalesced, fill, h, reconcile } from '../dom.js';
import { countText, errorText } from '../format.js';
import { icon } from '../icons.js';
import { keptEdit, makeEditor } from './editor.js';
import { personName } from './names.js';
import { logRows } from './rows.js';

/** Nearer to the end than this counts as being there. */
const nearPixels = 48;
/** Loading begins this far before an end is reached. */
const aheadPixels = 500;

/**
 * @param {import('./chat.js').Chat} chat
 * @param {import('../../sdk/types.js').ChannelSummary} channel
 * @param {import('../../sdk/log.js').ChannelLog} log
 * @param {{onEdited: () => void}} options onEdited: the editor was closed
 */
export function makeMessages(chat, channel, log, { onEdited }) {
  const { workspace } = chat;
  /** Sequence above which messages are marked as new; 0: none are. */
  let newFrom = workspace.unread(channel) > 0 ? channel.read + 1 : 0;
  /** At the newest message, and to be kept there. */
  let isPinned = true;
  /** A page is asked for: go to its end, or to the line, when it comes, whatever is scrolled until then. */
  let goal = /** @type {'newest' | 'line' | null} */ (null);
  let isFirstDraw = true;
  /** All was read and somebody looks at the newest: what comes now passes before their eyes. */
  let isFollowing = false;
  /** Height of the scroller at the last look: a scroll by a person does not change it. */
  let height = 0;
  /** @type {import('./rows.js').Editing} */
  const editing = { editor: null, begin: beginEdit };
  let wantsKeptEdit = channel.joined;

  const list = h('ol', { class: 'list', onkeydown: stepped });
  const edge = h('div', { class: 'edge' });
  const scroller = h('div', {
    class: 'scroller', tabindex: 0, role: 'region', 'aria-label': 'Messages', onscroll: scrolled,
  }, edge, list);
  const jump = h('button', {
    type: 'button', class: 'jump-newest', hidden: true, onclick: jumpToNewest,
  });
  const skipped = h('span');
  const bar = h('div', { class: 'unread-bar', hidden: true }, skipped,
    h('button', { type: 'button', class: 'link-button', onclick: showFirst }, 'Show the first'),
    h('button', {
      type: 'button', class: 'link-button',
      onclick: () => workspace.markRead(channel.id, channel.head.sequence),
    }, 'Mark all as read'));
  const element = h('div', { class: 'messages' }, bar, scroller, jump);

  function draw() {
    if (goal !== null && log.loading === null && log.state === 'ready'
      && (goal === 'line' || log.isAtEnd)) {
      isFirstDraw ||= goal === 'line';
      isPinned = goal === 'newest';
      goal = null;
    }
    const place = isPinned ? null : anchor();
    const isTyping = editing.editor?.element.contains(document.activeElement);
    reconcile(list, log.state === 'ready'
      ? logRows(chat, log, lineAt(), channel.joined ? editing : null) : []);
    // A row that was made again has lost it.
    if (isTyping && editing.editor?.element.contains(document.activeElement) === false) {
      editing.editor.focus();
    }
    list.toggleAttribute('hidden', log.state !== 'ready');
    fill(edge, ...edgeContent());
    if (log.state === 'ready' && isFirstDraw) {
      isFirstDraw = false;
      const divider = list.querySelector('.divider.new');
      if (divider) showDivider(/** @type {HTMLElement} */ (divider));
      else toEnd();
    } else if (place) {
      // Looked up anew: the row may have been made again, or be gone.
      const node = list.querySelector(`[data-sequence="${place.sequence}"]`);
      if (node) scroller.scrollTop += node.getBoundingClientRect().top - place.top;
    } else {
      toEnd();
    }
    if (wantsKeptEdit && log.state === 'ready') resumeEdit();
    oneTabStop();
    settle();
  }

  /** The line is shown where its place is in the window, not at the oldest message that is there. */
  function lineAt() {
    return log.isAtStart || log.oldestSequence <= newFrom ? newFrom : 0;
  }

  /**
   * Puts the line in the upper third, unless everything fits below it anyway.
   * @param {HTMLElement} divider
   */
  function showDivider(divider) {
    toEnd();
    const top = divider.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    if (top < 0) scroller.scrollTop += top - scroller.clientHeight / 4;
    isPinned = log.isAtEnd && isNearEnd();
  }

  /**
   * The first message in view, and where it is.
   * @returns {{sequence: string, top: number} | null}
   */
  function anchor() {
    const { top } = scroller.getBoundingClientRect();
    for (const node of list.children) {
      const sequence = node.getAttribute('data-sequence');
      const box = node.getBoundingClientRect();
      if (sequence !== null && box.bottom > top) return { sequence, top: box.top };
    }
    return null;
  }

  /** What stands above the oldest message. */
  function edgeContent() {
    if (log.state === 'failed' || (log.error && log.loading === null)) {
      const again = () => void (log.state === 'failed' ? log.loadNewest() : log.loadOlder());
      return [h('p', { class: 'edge-problem', role: 'alert' },
        log.error ? errorText(log.error) : 'The messages could not be loaded.', ' ',
        h('button', { type: 'button', class: 'link-button', onclick: again }, 'Try again'))];
    }
    if (log.state === 'loading') return skeleton();
    if (log.loading === 'older') {
      return [h('p', { class: 'loading small' }, h('span', { class: 'spinner' }))];
    }
    if (log.isAtStart) return beginning();
    return [];
  }

  function beginning() {
    const isEmpty = !log.events.some(({ kind }) => kind === 'MESSAGE');
    if (channel.kind === 'DIRECT') {
      return [h('p', { class: 'beginning' }, 'This conversation is between the two of you only.',
        isEmpty && ' Say hello.')];
    }
    return [h('div', { class: 'beginning' }, h('h2', {}, `This is where #${channel.name} begins`),
      h('p', {}, channel.topic || (channel.kind === 'OPEN'
        ? 'Everybody in the organisation can find and join it.'
        : 'Only its members know that it exists.')),
      isEmpty && h('p', {}, 'Write the first message.'))];
  }

  function scrolled() {
    // Where the room for messages became smaller or larger, nobody scrolled.
    if (scroller.clientHeight !== height && isPinned) toEnd();
    else isPinned = log.isAtEnd && isNearEnd();
    settle();
  }

  /** After anything that moves: loads at the ends, marks as read, offers the way down. */
  function settle() {
    height = scroller.clientHeight;
    if (log.state === 'ready') {
      if (scroller.scrollTop < aheadPixels) void log.loadOlder();
      if (scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < aheadPixels) {
        void log.loadNewer();
      }
    }
    markRead();
    const unread = workspace.unread(channel);
    jump.hidden = isPinned || log.state !== 'ready' || isNearEnd() && log.isAtEnd;
    const text = unread > 0 ? `${unread.toLocaleString()} new` : 'Newest';
    if (jump.textContent !== text) fill(jump, icon('down'), text);
    jump.setAttribute('aria-label',
      unread > 0 ? `Jump to ${unread} new messages` : 'Jump to newest');
    bar.hidden = unread === 0 || log.state !== 'ready' || isFollowing || hasShownFirst();
    const what = countText(unread, 'unread message begins', 'unread messages begin');
    if (!bar.hidden && skipped.textContent !== `${what} above.`) skipped.textContent = `${what} above.`;
  }

  /**
   * What was in view is read, up to its last message, as long as nothing unread lies above the view:
   * a jump to the newest reads nothing of what it skipped.
   */
  function markRead() {
    const isAtNewest = isPinned && log.isAtEnd;
    isFollowing &&= isSeen() && isAtNewest && chat.client.state.name === 'ready';
    if (!isSeen() || log.state !== 'ready' || !channel.joined) return;
    if (!isFollowing && !hasShownFirst()) return;
    isFollowing = isAtNewest;
    const last = isAtNewest ? log.newestSequence : lastInView();
    if (last > channel.read) workspace.markRead(channel.id, last);
  }

  /** Whether the first unread message is in view or still to come below it. */
  function hasShownFirst() {
    if (!log.isAtStart && log.oldestSequence > channel.read + 1) {
      // It is not in the window, unless what lies between is known not to count.
      const first = workspace.firstUnread(channel);
      if (first === 0 ? workspace.unread(channel) > 0 : first < log.oldestSequence) return false;
    }
    const first = log.events.find(({ sequence, kind, sender, subject }) => sequence > channel.read
      && sender !== chat.self() && (kind === 'MESSAGE' || subject === chat.self()));
    if (!first) return true;
    const row = list.querySelector(
      `[data-sequence="${first.sequence}"], [data-event="${first.sequence}"]`);
    return !row || row.getBoundingClientRect().bottom > scroller.getBoundingClientRect().top;
  }

  /** @returns {number} sequence of the last row that is in view to its end; 0: none */
  function lastInView() {
    const { bottom } = scroller.getBoundingClientRect();
    for (let row = list.lastElementChild; row; row = row.previousElementSibling) {
      const sequence = row.getAttribute('data-sequence') ?? row.getAttribute('data-event');
      if (sequence !== null && row.getBoundingClientRect().bottom <= bottom + 1) {
        return Number(sequence);
      }
    }
    return 0;
  }

  function isSeen() {
    return document.visibilityState === 'visible' && document.hasFocus();
  }

  function isNearEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearPixels;
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
    isPinned = log.isAtEnd;
  }

  // ---------------------------------------------------------------- editing

  /** @param {import('../../sdk/log.js').ShownEvent} event */
  function beginEdit(event) {
    const begin = () => {
      openEditor(event, null);
      editing.editor?.focus();
    };
    if (editing.editor?.isChanged() && editing.editor.sequence !== event.sequence) {
      askToDiscard(begin);
    } else {
      begin();
    }
  }

  /**
   * @param {import('../../sdk/log.js').ShownEvent} event
   * @param {string | null} typed a text that was not saved
   */
  function openEditor({ sequence, text }, typed) {
    editing.editor = makeEditor(chat, channel.id, {
      sequence, typed, text: log.outgoingEdits.get(sequence)?.text ?? text, onClosed: endEdit,
      onLeft: () => askToDiscard(endEdit),
    });
    draw();
  }

  /** An edit that was left half-way goes on, as soon as its message is there. */
  function resumeEdit() {
    const kept = keptEdit(chat, channel.id);
    const event = kept && log.events.find(({ sequence }) => sequence === kept.sequence);
    if (kept && !event && !log.isAtEnd) return;
    wantsKeptEdit = false;
    if (kept && event && !editing.editor) openEditor(event, kept.text);
  }

  /** @param {() => void} then */
  function askToDiscard(then) {
    openConfirm({
      title: 'Discard what you changed?', text: 'The message stays as it was.', action: 'Discard',
      act: async () => {
        editing.editor?.discard();
        then();
      },
    });
  }

  function endEdit() {
    editing.editor = null;
    draw();
    onEdited();
  }

  function editLast() {
    const last = log.isAtEnd && [...log.events].reverse().find(({ kind, sender }) =>
      kind === 'MESSAGE' && sender === chat.self());
    if (last) beginEdit(last);
  }

  /** @returns {HTMLElement[]} */
  function actions() {
    return [...list.querySelectorAll('.message-actions')].map((group) =>
      /** @type {HTMLElement} */ (group.querySelector('button')));
  }

  /** Of all the messages one is a stop of the Tab key; arrows lead from it to the others. */
  function oneTabStop() {
    const all = actions();
    const now = all.find((button) => button === document.activeElement) ?? all.at(-1);
    for (const button of all) button.tabIndex = button === now ? 0 : -1;
  }

  /** @param {KeyboardEvent} event */
  function stepped(event) {
    const all = actions();
    const at = all.findIndex((button) => button === event.target);
    if (at < 0 || (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') || event.altKey) return;
    event.preventDefault();
    const next = all[at + (event.key === 'ArrowUp' ? -1 : 1)];
    next?.focus();
    oneTabStop();
  }

  // ---------------------------------------------------------------- going there

  function jumpToNewest() {
    goal = 'newest';
    if (workspace.unread(channel) === 0) newFrom = 0;
    if (log.isAtEnd) draw();
    else void log.loadNewest();
  }

  /** Goes to the first unread message. */
  function showFirst() {
    newFrom = channel.read + 1;
    goal = 'line';
    isPinned = false;
    const isThere = log.oldestSequence <= newFrom || log.isAtStart;
    if (isThere && log.newestSequence >= newFrom) draw();
    else void log.loadBehind(channel.read);
  }

  const redraw = coalesced(draw);
  // New while nobody looks: the line goes above the first of them.
  /** @param {import('../../sdk/workspace.js').WorkspaceEvents['message']} message */
  const arrived = ({ channel: { id }, event }) => {
    if (id !== channel.id) return;
    const isRead = newFrom === 0 || channel.read >= newFrom;
    if (isRead && !(isSeen() && isPinned)) newFrom = event.sequence;
    if (isSeen() && isPinned) {
      announce(`${personName(chat, event.sender)}: ${event.text.slice(0, 300)}`);
    }
  };
  const resized = new ResizeObserver(() => {
    if (isPinned) toEnd();
    settle();
  });
  resized.observe(scroller);
  resized.observe(list);
  const ends = [
    // What was missed meanwhile did not pass before anybody's eyes.
    chat.client.on('state', ({ name }) => void (isFollowing &&= name === 'ready')),
    log.on('change', redraw), workspace.on('people', redraw), workspace.on('message', arrived),
    workspace.on('channels', (changed) => void ((!changed || changed.id === channel.id) && settle())),
  ];
  document.addEventListener('visibilitychange', settle);
  window.addEventListener('focus', settle);
  redraw();
  return {
    element, jumpToNewest, editLast,
    close: () => {
      resized.disconnect();
      for (const end of ends) end();
      document.removeEventListener('visibilitychange', settle);
      window.removeEventListener('focus', settle);
    },
  };
}

/**
 * The shape of messages while they are loading.
 * @returns {HTMLElement[]}
 */
function skeleton() {
  return [h('div', { class: 'skeleton', role: 'status', 'aria-label': 'Loading messages' },
    ...['long', 'short', 'medium', 'long', 'medium'].map((width) =>
      h('div', { class: 'bone-row' }, h('span', { class: 'bone round' }),
        h('div', {}, h('span', { class: 'bone name' }), h('span', { class: `bone ${width}` })))))];
}
