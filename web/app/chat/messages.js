// The scrolling list of messages: stays at the newest while one is there, keeps its place
// otherwise, loads at both ends, and tells the hub what has been read.

import { announce, coalesced, fill, h, reconcile } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { makeEditor } from './editor.js';
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
  /** The newest page is asked for: go there when it comes, whatever is scrolled until then. */
  let isJumping = false;
  let isFirstDraw = true;
  /** @type {import('./rows.js').Editing} */
  const editing = { editor: null, begin: beginEdit };

  const list = h('ol', { class: 'list' });
  const edge = h('div', { class: 'edge' });
  const scroller = h('div', {
    class: 'scroller', tabindex: 0, role: 'region', 'aria-label': 'Messages', onscroll: scrolled,
  }, edge, list);
  const jump = h('button', {
    type: 'button', class: 'jump-newest', hidden: true, onclick: jumpToNewest,
  });
  const element = h('div', { class: 'messages' }, scroller, jump);

  function draw() {
    if (isJumping && log.isAtEnd && log.loading === null) {
      isJumping = false;
      isPinned = true;
    }
    const place = isPinned ? null : anchor();
    const isTyping = editing.editor?.element.contains(document.activeElement);
    reconcile(list, log.state === 'ready'
      ? logRows(chat, log, newFrom, channel.joined ? editing : null) : []);
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
    settle();
  }

  /**
   * Puts the line in the upper third, unless everything fits below it anyway.
   * @param {HTMLElement} divider
   */
  function showDivider(divider) {
    toEnd();
    const top = divider.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    if (top < 0) scroller.scrollTop += top - scroller.clientHeight / 4;
    isPinned = isNearEnd();
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
    isPinned = log.isAtEnd && isNearEnd();
    settle();
  }

  /** After anything that moves: loads at the ends, marks as read, offers the way down. */
  function settle() {
    if (log.state === 'ready') {
      if (scroller.scrollTop < aheadPixels) void log.loadOlder();
      if (scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < aheadPixels) {
        void log.loadNewer();
      }
    }
    markRead();
    const below = workspace.unread(channel);
    jump.hidden = isPinned || log.state !== 'ready' || isNearEnd() && log.isAtEnd;
    const text = below > 0 ? `${below} new` : 'Newest';
    if (jump.textContent !== text) fill(jump, icon('down'), text);
    jump.setAttribute('aria-label', below > 0 ? `Jump to ${below} new messages` : 'Jump to newest');
  }

  function markRead() {
    const isSeen = document.visibilityState === 'visible' && document.hasFocus();
    if (isSeen && isPinned && log.isAtEnd && log.state === 'ready') {
      workspace.markRead(channel.id, log.newestSequence);
    }
  }

  function isNearEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearPixels;
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
    isPinned = log.isAtEnd;
  }

  /** @param {import('../../sdk/log.js').ShownEvent} event */
  function beginEdit({ sequence, text }) {
    editing.editor = makeEditor(chat, channel.id, {
      sequence, text: log.outgoingEdits.get(sequence)?.text ?? text, onClosed: endEdit,
    });
    draw();
    editing.editor.focus();
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

  function jumpToNewest() {
    isJumping = true;
    newFrom = 0;
    if (log.isAtEnd) draw();
    else void log.loadNewest();
  }

  const redraw = coalesced(draw);
  // New while nobody looks: the line goes above the first of them.
  /** @param {import('../../sdk/workspace.js').WorkspaceEvents['message']} message */
  const arrived = ({ channel: { id }, event }) => {
    if (id !== channel.id) return;
    const isRead = newFrom === 0 || channel.read >= newFrom;
    const isSeen = document.visibilityState === 'visible' && document.hasFocus() && isPinned;
    if (isRead && !isSeen) newFrom = event.sequence;
    if (isSeen) announce(`${personName(chat, event.sender)}: ${event.text.slice(0, 300)}`);
  };
  const resized = new ResizeObserver(() => {
    if (isPinned) toEnd();
    settle();
  });
  resized.observe(scroller);
  const ends = [
    log.on('change', redraw), workspace.on('people', redraw), workspace.on('message', arrived),
  ];
  document.addEventListener('visibilitychange', markRead);
  window.addEventListener('focus', markRead);
  redraw();
  return {
    element, jumpToNewest, editLast,
    close: () => {
      resized.disconnect();
      for (const end of ends) end();
      document.removeEventListener('visibilitychange', markRead);
      window.removeEventListener('focus', markRead);
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
