// A link to be copied.

import { h } from '../dom.js';
import { icon } from '../icons.js';

/** @param {string} link @param {string} label @returns {HTMLElement} */
export function copyRow(link, label) {
  /** @type {HTMLInputElement} */
  const input = h('input', {
    class: 'input', readonly: true, value: link, 'aria-label': label,
    onfocus: () => input.select(),
  });
  const button = h('button', {
    type: 'button', class: 'button',
    onclick: async () => {
      const isCopied = await copy(input);
      button.replaceChildren(icon(isCopied ? 'check' : 'copy'),
        isCopied ? 'Copied' : 'Press Ctrl+C');
    },
  }, icon('copy'), 'Copy');
  return h('div', { class: 'copy-row' }, input, button);
}

/** @param {HTMLInputElement} input @returns {Promise<boolean>} */
async function copy(input) {
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    // Plain-HTTP origins have no clipboard; the older way still works there.
    return document.execCommand('copy');
  }
}
