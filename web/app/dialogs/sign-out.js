// Signing out while something is not sent: it is not given up unasked.

import { h } from '../dom.js';
import { countText } from '../format.js';
import { openDialog } from './dialog.js';

/**
 * @param {object} options
 * @param {number} options.unsent messages
 * @param {number} options.drafts begun messages and edits
 * @param {(isForgetting: boolean) => void} options.end signs out
 */
export function openSignOut({ unsent, drafts, end }) {
  const what = [
    unsent > 0 && `${countText(unsent, 'message has', 'messages have')} not been sent`,
    drafts > 0 && `${countText(drafts, 'draft is', 'drafts are')} not finished`,
  ].filter(Boolean).join(', and ');
  /** @param {string} kind @param {string} text @param {() => void} onclick */
  const button = (kind, text, onclick) =>
    h('button', { type: 'button', class: `button ${kind}`, onclick }, text);
  const dialog = openDialog({
    title: 'Sign out?',
    content: [h('p', { class: 'lead' }, `${what}. What is kept on this device is there when you sign `
      + 'in here again; whoever uses the device could read it.'),
    h('div', { class: 'form-actions stacked' },
      h('button', {
        type: 'button', class: 'button primary', 'data-first': true, onclick: () => end(false),
      }, 'Keep and sign out'),
      button('danger', 'Discard and sign out', () => end(true)),
      button('', 'Cancel', () => dialog.close()))],
  });
}
