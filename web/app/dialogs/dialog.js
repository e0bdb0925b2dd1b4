// The frame of all dialogs: modal, titled, closed by Escape, the cross or a click beside it. The
// browser keeps the focus inside and gives it back, where what had it is still there.

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
  const opener = document.activeElement;
  /** @type {HTMLDialogElement} */
  const element = h('dialog', {
    class: `dialog ${kind}`, 'aria-labelledby': id,
    onclose: () => {
      element.remove();
      onClosed?.();
      giveFocus(opener);
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
    element.querySelector(firsts))?.focus();
  return { element, close };
}

/** What gets the focus when a dialog opens: what one came for, not the cross. */
const firsts = 'input:not([type=radio], [readonly]), [data-first], .dialog-body select, '
  + '.dialog-body .button, .dialog-body a';
/** Where the focus goes when what had it is gone; on touch screens not where a keyboard would open. */
const places = ['.head .icon-button', '.choice', '.side-row[aria-current]', '.org'];

/**
 * Never leaves the focus on the body: who works by keyboard would have to begin at the top again.
 * @param {Element | null} opener what had it before the dialog
 */
function giveFocus(opener) {
  const active = document.activeElement;
  if (active instanceof HTMLElement && active !== document.body) {
    // Chromium gives the focus back and leaves the caret in the dialog that is gone: keys would do nothing.
    active.blur();
    active.focus({ preventScroll: true });
    return;
  }
  const dialog = [...document.querySelectorAll('dialog[open]')].at(-1);
  const wanted = dialog ? [opener, dialog.querySelector(firsts)] : [opener,
    matchMedia('(pointer: coarse)').matches ? null : document.querySelector('.composer-input'),
    ...places.map((place) => document.querySelector(place))];
  const next = wanted.find((place) => place instanceof HTMLElement && place !== document.body
    && place.isConnected && place.getClientRects().length > 0
    && getComputedStyle(place).visibility === 'visible');
  /** @type {HTMLElement | undefined} */ (next ?? undefined)?.focus();
}
