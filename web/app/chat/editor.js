// Where a message of one's own gets another text, in the place of the old one: Enter saves, Escape
// leaves it as it was.

import { asHubError } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';

/** @typedef {{sequence: number, element: HTMLElement, focus: () => void}} Editor */

/**
 * @param {import('./chat.js').Chat} chat
 * @param {string} channel
 * @param {{sequence: number, text: string, onClosed: () => void}} options
 * @returns {Editor}
 */
export function makeEditor(chat, channel, { sequence, text, onClosed }) {
  const problem = h('p', { class: 'composer-problem', role: 'alert' });
  const input = h('textarea', {
    class: 'composer-input', rows: 1, dir: 'auto', enterkeyhint: 'done',
    'aria-label': 'Edit message', onkeydown: keyed, oninput: changed,
  });
  const button = h('button', { type: 'submit', class: 'button primary' }, 'Save');
  const element = h('form', {
    class: 'editor',
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      save();
    },
  }, problem, h('div', { class: 'composer-box' }, input), h('div', { class: 'editor-buttons' },
    button, h('button', { type: 'button', class: 'button', onclick: onClosed }, 'Cancel')));

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    // As in the composer: these keys also end the composition of an input method.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Escape') onClosed();
    else if (event.key === 'Enter' && !event.shiftKey) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function changed() {
    fill(problem);
    button.disabled = input.value.trim() === '';
    measure();
  }

  function measure() {
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight}px`;
  }

  function save() {
    const next = input.value.trim();
    if (next === '') return;
    try {
      if (next !== text) chat.client.edit(channel, sequence, next);
      onClosed();
    } catch (error) {
      const failure = asHubError(error);
      fill(problem, failure.slug === 'too_large' ? 'This message is too long. Shorten it.'
        : errorText(failure));
    }
  }

  input.value = text;
  input.setSelectionRange(text.length, text.length);
  return {
    sequence, element,
    focus: () => {
      measure();
      input.focus({ preventScroll: true });
      element.scrollIntoView({ block: 'nearest' });
    },
  };
}
