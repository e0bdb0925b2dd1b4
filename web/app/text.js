// Message text to nodes: links, `code` and fenced blocks. Everything else stays plain text.

import { h } from './dom.js';

/** http and https only; the end is trimmed of punctuation that belongs to the sentence. */
const linkPattern = /\bhttps?:\/\/[^\s<>"'`]+/giu;
const trailing = /[.,;:!?…*_~]+$/u;

/** @param {string} message @returns {Node[]} */
export function messageNodes(message) {
  /** @type {Node[]} */
  const out = [];
  // Odd parts stand between fences; an unclosed fence is text.
  const parts = message.split(/^```[^\n]*\n?/mu);
  const isClosed = parts.length % 2 === 1;
  if (!isClosed) return inlineNodes(message);
  parts.forEach((part, index) => {
    const text = part.replace(/^\n|\n$/gu, '');
    if (index % 2 === 1) out.push(h('pre', { tabindex: 0 }, h('code', {}, text)));
    else if (text.trim() !== '') out.push(...inlineNodes(text));
  });
  return out;
}

/** @param {string} text @returns {Node[]} */
function inlineNodes(text) {
  return text.split(/(`[^`\n]+`)/u).filter((part) => part !== '').flatMap((part) =>
    /^`[^`\n]+`$/u.test(part) ? [h('code', {}, part.slice(1, -1))] : linkNodes(part));
}

/** @param {string} text @returns {Node[]} */
function linkNodes(text) {
  /** @type {Node[]} */
  const out = [];
  let from = 0;
  for (const match of text.matchAll(linkPattern)) {
    const shown = trimmed(match[0]);
    const address = safeAddress(shown);
    if (!address) continue;
    const at = match.index ?? 0;
    if (at > from) out.push(document.createTextNode(text.slice(from, at)));
    out.push(h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, shown));
    from = at + shown.length;
  }
  if (from < text.length) out.push(document.createTextNode(text.slice(from)));
  return out;
}

/** @param {string} link @returns {string} */
function trimmed(link) {
  let out = link.replace(trailing, '');
  // A closing bracket belongs to the link only where the link has its opening one.
  for (const [open, close] of ['()', '[]', '{}']) {
    while (out.endsWith(close) && out.split(close).length > out.split(open).length) {
      out = out.slice(0, -1).replace(trailing, '');
    }
  }
  return out;
}

/** @param {string} text @returns {string | null} */
function safeAddress(text) {
  try {
    const address = new URL(text);
    return address.protocol === 'https:' || address.protocol === 'http:' ? address.href : null;
  } catch {
    return null;
  }
}
