// Where a message of one's own gets another text, in the place of the old one: Enter saves, Escape
// leaves it as it was. What is typed is kept until then, also when another channel is shown.

import { asHubError } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { keep, recall } from '../storage.js';
import { makeGrowing } from './growing.js';

/**
 * `isChanged`: something was typed that is not saved; `discard` gives it up.
 * @typedef {{sequence: number, element: HTMLElement, focus: () => void, isChanged: () => boolean,
 *   discard: () => void}} Editor
 */

/** @param {import('./chat.js').Chat} chat @param {string} channel */
const keptName = (chat, channel) => `hub.edit.${chat.self()}.${channel}`;

/**
 * An edit that was left half-way.
 * @param {import('./chat.js').Chat} chat
 * @param {string} channel
 * @returns {{sequence: number, text: string} | null}
 */
export function keptEdit(chat, channel) {
  const [sequence, ...text] = (recall(keptName(chat, channel)) ?? '').split(' ');
  return Number(sequence) > 0 ? { sequence: Number(sequence), text: text.join(' ') } : null;
}

/**
 * @param {import('./chat.js').Chat} chat
 * @param {string} channel
 * @param {{sequence: number, text: string, typed: string | null, onClosed: () => void,
 *   onLeft: () => void}} options typed: what was typed before and not saved; onLeft: the person wants
 *   to leave, and something was typed
 * @returns {Editor}
 */
export function makeEditor(chat, channel, { sequence, text, typed, onClosed, onLeft }) {
  const problem = h('p', { class: 'composer-problem', role: 'alert' });
  const input = h('textarea', {
    class: 'composer-input', rows: 1, dir: 'auto', enterkeyhint: 'done',
    'aria-label': 'Edit message', onkeydown: keyed, oninput: changed,
  });
  const growing = makeGrowing(input);
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Save');
  const element = h('form', {
    class: 'editor',
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      save();
    },
  }, problem, h('div', { class: 'composer-box' }, growing.element),
  h('div', { class: 'editor-buttons' }, button,
    h('button', { type: 'button', class: 'button', onclick: leave }, 'Cancel')));

  const isChanged = () => input.value.trim() !== text.trim();
  const forget = () => keep(keptName(chat, channel), null);

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    // As in the composer: these keys also end the composition of an input method.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Escape') leave();
    else if (event.key === 'Enter' && !event.shiftKey) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function changed() {
    fill(problem);
    button.disabled = input.value.trim() === '';
    keep(keptName(chat, channel), isChanged() ? `${sequence} ${input.value}` : null);
    growing.measure();
  }

  function leave() {
    if (isChanged()) onLeft();
    else close();
  }

  function close() {
    forget();
    onClosed();
  }

  function save() {
    const next = input.value.trim();
    if (next === '') {
      fill(problem, 'A message cannot be empty.');
      return;
    }
    try {
      if (next !== text) chat.client.edit(channel, sequence, next);
      close();
    } catch (error) {
      const failure = asHubError(error);
      fill(problem, failure.slug === 'too_large' ? 'This message is too long. Shorten it.'
        : errorText(failure));
    }
  }

  input.value = typed ?? text;
  growing.measure();
  input.setSelectionRange(input.value.length, input.value.length);
  return {
    sequence, element, isChanged,
    discard: () => {
      input.value = text;
      forget();
    },
    focus: () => {
      input.focus({ preventScroll: true });
      element.scrollIntoView({ block: 'nearest' });
    },
  };
}
