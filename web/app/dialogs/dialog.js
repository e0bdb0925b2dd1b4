// The frame of all dialogs: modal, titled, closed by Escape, the cross or a click beside it. The
// browser keeps the focus inside and gives it back.

import { h } from '../dom.js';
import { icon } from '../icons.js';

let lastID = 0;

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} [options.kind] a class
 * @param {import('../dom.js').Child[]} options.content
 * @param {() => void} [options.onClosed]
 * @returns {{element: HTMLDialogElement, close: () => void}}
 */
export function openDialog({ title, kind = '', content, onClosed }) {
  const id = `dialog-${++lastID}`;
  const close = () => element.close();
  /** @type {HTMLDialogElement} */
  const element = h('dialog', {
    class: `dialog ${kind}`, 'aria-labelledby': id,
    onclose: () => {
      element.remove();
      onClosed?.();
    },
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      if (event.target === element) close();
    },
  }, h('div', { class: 'dialog-body' },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title),
      h('button', {
        type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: close,
      }, icon('close'))),
    ...content));
  document.body.append(element);
  element.showModal();
  /** @type {HTMLElement | null} */ (
    element.querySelector('input:not([type=radio]), [data-first]'))?.focus();
  return { element, close };
}
