// Where messages are written: grows with its text, keeps a draft per channel, says who types.

import { asHubError } from '../../sdk/index.js';
import { announce, fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { keep, recall } from '../storage.js';
import { makeGrowing } from './growing.js';
import { isDirect } from './names.js';

/** The count is shown when this much of the limit is used. */
const countFrom = 0.8;

/**
 * @param {import('./chat.js').Chat} chat
 * @param {import('../../sdk/types.js').ChannelSummary} channel
 * @param {{onSent: () => void, onEditLast: () => void}} options
 */
export function makeComposer(chat, channel, { onSent, onEditLast }) {
  const draftName = `hub.draft.${chat.self()}.${channel.id}`;
  const problem = h('p', { class: 'composer-problem', role: 'alert' });
  const count = h('span', { class: 'composer-count', role: 'status' });
  const input = h('textarea', {
    class: 'composer-input', rows: 1, dir: 'auto', enterkeyhint: 'send',
    onkeydown: keyed, oninput: changed,
  });
  const growing = makeGrowing(input);
  const button = h('button', {
    type: 'submit', class: 'send', 'aria-label': 'Send', title: 'Send', disabled: true,
  }, icon('send'));
  const element = h('form', {
    class: 'composer',
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    },
  }, problem, h('div', { class: 'composer-box' }, growing.element, count, button));

  /** @param {KeyboardEvent} event */
  function keyed(event) {
    // Enter also ends the composition of an input method; 229 is how older browsers say so.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === 'ArrowUp' && !event.altKey && input.value === '') {
      event.preventDefault();
      onEditLast();
    }
  }

  function changed() {
    fill(problem);
    keep(draftName, input.value === '' ? null : input.value);
    chat.workspace.typing.own(channel.id, input.value.trim() !== '');
    measure();
  }

  function measure() {
    growing.measure();
    const bytes = new TextEncoder().encode(input.value.trim()).length;
    const limit = chat.client.textBytesMax;
    const left = limit - bytes;
    button.disabled = bytes === 0;
    count.classList.toggle('over', left < 0);
    const text = bytes <= limit * countFrom ? '' : left < 0
      ? `${(-left).toLocaleString()} bytes too long` : `${left.toLocaleString()} bytes left`;
    if (count.textContent !== text) fill(count, text);
  }

  function send() {
    const text = input.value.trim();
    if (text === '') return;
    try {
      chat.client.post(channel.id, text);
    } catch (error) {
      const failure = asHubError(error);
      fill(problem, failure.slug !== 'too_large' ? errorText(failure)
        : 'This message is too long. Shorten it, or send it in parts.');
      return;
    }
    input.value = '';
    keep(draftName, null);
    chat.workspace.typing.own(channel.id, false);
    fill(problem);
    measure();
    if (chat.client.state.name !== 'ready') {
      announce('Kept, will be sent when the connection is back.');
    }
    onSent();
    input.focus();
  }

  input.value = recall(draftName) ?? '';
  measure();
  return {
    element,
    /** @param {string} name */
    rename: (name) => {
      const text = isDirect(channel) ? `Message ${name}` : `Message #${name}`;
      input.placeholder = text;
      input.setAttribute('aria-label', text);
    },
    focus: () => input.focus({ preventScroll: true }),
    close: () => {
      chat.workspace.typing.own(channel.id, false);
    },
  };
}
