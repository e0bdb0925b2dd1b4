// The frame of the pages before the chat.

import { h } from '../dom.js';
import { mark } from '../icons.js';

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} [options.lead]
 * @param {string} [options.notice]
 * @param {import('../dom.js').Child[]} options.content
 * @returns {HTMLElement}
 */
export function card({ title, lead, notice, content }) {
  return h('main', { class: 'entry' },
    h('div', { class: 'card' },
      h('div', { class: 'brand' }, mark(), h('span', {}, 'Hub')),
      h('h1', {}, title),
      lead && h('p', { class: 'lead' }, lead),
      notice && h('p', { class: 'notice', role: 'status' }, notice),
      ...content));
}

/** @param {string} text @returns {HTMLElement} */
export function loadingCard(text) {
  return h('main', { class: 'entry' },
    h('p', { class: 'loading', role: 'status' }, h('span', { class: 'spinner' }), text));
}

/**
 * @param {string} text
 * @param {() => void} act
 * @param {string} [action]
 * @returns {HTMLElement}
 */
export function problemCard(text, act, action = 'Try again') {
  return card({
    title: 'That did not work',
    lead: text,
    content: [h('div', { class: 'form-actions' },
      h('button', { type: 'button', class: 'button primary', onclick: act }, action))],
  });
}
