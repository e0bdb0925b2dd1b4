// Asking once more before something that cannot be taken back.

import { asHubError } from '../../sdk/index.js';
import { fill, h } from '../dom.js';
import { errorText } from '../format.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} options.text what will happen
 * @param {string} options.action label of the button that does it
 * @param {() => Promise<unknown>} options.act the dialog closes when it has succeeded
 */
export function openConfirm({ title, text, action, act }) {
  const problem = h('p', { class: 'form-error', role: 'alert' });
  /** @type {HTMLButtonElement} */
  const button = h('button', {
    type: 'button', class: 'button danger',
    onclick: () => {
      fill(problem);
      button.disabled = true;
      act().then(() => dialog.close(), (error) => {
        button.disabled = false;
        fill(problem, icon('alert'), errorText(asHubError(error)));
      });
    },
  }, action);
  const dialog = openDialog({
    title,
    content: [h('p', { class: 'lead' }, text), problem, h('div', { class: 'form-actions' },
      h('button', {
        type: 'button', class: 'button', 'data-first': true, onclick: () => dialog.close(),
      }, 'Cancel'), button)],
  });
}
