// The keyboard shortcuts.

import { h } from '../dom.js';
import { openDialog } from './dialog.js';

export function openShortcuts() {
  const rows = [
    ['Ctrl K or ⌘K', 'Jump to a channel or a person'],
    ['Alt ↑ / Alt ↓', 'Previous or next channel'],
    ['Alt Shift ↑ / ↓', 'Previous or next unread channel'],
    ['Enter', 'Send the message'],
    ['Shift Enter', 'New line'],
    ['↑ in an empty message', 'Edit your last message'],
    ['Esc', 'Close what is open'],
  ];
  openDialog({
    title: 'Keyboard shortcuts',
    content: [h('dl', { class: 'shortcuts' }, ...rows.flatMap(([keys, text]) =>
      [h('dt', {}, h('kbd', {}, keys)), h('dd', {}, text)]))],
  });
}
