// A text field that is as high as its text. The style sheet lays a copy of the text into the same place,
// and that gives the height: setting heights from here would make the field collapse for a moment,
// and the messages above it jump.

import { h } from '../dom.js';

/** @param {HTMLTextAreaElement} input */
export function makeGrowing(input) {
  const copy = h('div', { class: 'growing-copy', 'aria-hidden': 'true', dir: 'auto' });
  return {
    element: h('div', { class: 'growing' }, input, copy),
    /** After the text has changed. */
    measure: () => {
      // A line feed at the end has height only with something behind it.
      copy.textContent = `${input.value}\u200b`;
    },
  };
}
