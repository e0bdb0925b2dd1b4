// Creating a channel.

import { h } from '../dom.js';
import { makeForm, textField } from '../form.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

/** @param {import('../chat/chat.js').Chat} chat */
export function openCreateChannel(chat) {
  const name = textField({
    name: 'name', label: 'Name', maxlength: 80,
    hint: 'Short and telling, such as “design” or “berlin-office”.',
  });
  const topic = textField({ name: 'topic', label: 'Topic', optional: true, maxlength: 250 });
  /**
   * @param {string} value
   * @param {import('../icons.js').IconName} image
   * @param {string} title
   * @param {string} text
   */
  const choice = (value, image, title, text) => h('label', { class: 'option' },
    h('input', { type: 'radio', name: 'kind', value, checked: value === 'OPEN' }), icon(image),
    h('span', {}, h('strong', {}, title), h('span', {}, text)));
  const kinds = h('fieldset', { class: 'options' }, h('legend', {}, 'Who can see it'),
    choice('OPEN', 'hash', 'Open', 'Everybody in the organisation can find, read and join it.'),
    choice('CLOSED', 'lock', 'Closed',
      'Only its members know that it exists. Members add members.'));
  const form = makeForm({
    fields: () => [name, topic],
    content: [name.element, topic.element, kinds],
    action: 'Create channel',
    submit: async () => {
      const picked = kinds.querySelector('input:checked');
      const channel = await chat.workspace.create({
        name: name.value().replace(/^[#\s]+/u, ''), topic: topic.value(),
        kind: /** @type {HTMLInputElement} */ (picked).value === 'CLOSED' ? 'CLOSED' : 'OPEN',
      });
      dialog.close();
      chat.open(channel.id);
    },
  });
  const dialog = openDialog({ title: 'Create a channel', content: [form] });
}
