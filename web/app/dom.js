// Building the document: elements from values, never from markup. Text goes in as text nodes only.

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Attribute */

/**
 * An element. `class` and other attributes by name (true: present, false or null: absent),
 * listeners as
 * `onclick` and the like. There is no way to give a style or markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, Attribute>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else set(element, name, value);
  }
  element.append(...nodes(children));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null | undefined} value
 */
export function set(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? '' : value)) {
    element.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * Replaces what an element contains.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

/** @param {Array<Child | Child[]>} children @returns {Array<Node | string>} */
function nodes(children) {
  return /** @type {Array<Node | string>} */ (children.flat().filter((child) =>
    child !== null && child !== undefined && child !== false));
}

/**
 * A row of a keyed list: `version` says whether what is shown is still right.
 * @typedef {{key: string, version: string, make: () => HTMLElement}} Row
 */

/** @type {WeakMap<Element, Map<string, {version: string, node: HTMLElement}>>} */
const shown = new WeakMap();

/**
 * Makes an element's children the rows, keeping the nodes of rows that did not change: focus,
 * selection
 * and scroll anchors survive.
 * @param {Element} parent
 * @param {Row[]} rows
 */
export function reconcile(parent, rows) {
  const before = shown.get(parent) ?? new Map();
  /** @type {Map<string, {version: string, node: HTMLElement}>} */
  const after = new Map();
  for (const { key, version, make } of rows) {
    const known = before.get(key);
    if (known?.version === version) after.set(key, known);
    else after.set(key, { version, node: make() });
  }
  // What goes goes first: otherwise everything behind it would count as moved.
  for (const [key, { node }] of before) {
    const next = after.get(key);
    if (!next) node.remove();
    else if (next.node !== node) node.replaceWith(next.node);
  }
  let at = parent.firstElementChild;
  for (const { node } of after.values()) {
    if (node === at) at = node.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  shown.set(parent, after);
}

/**
 * Runs `draw` once, soon, however often it is asked for. Not tied to frames: hidden pages have
 * none.
 * @param {() => void} draw
 * @returns {() => void}
 */
export function coalesced(draw) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(() => {
      isDue = false;
      draw();
    });
  };
}

/** Long enough to be read out; what somebody wrote must not stay in the page for ever. */
const announcedMs = 7_000;
/** @type {any} */
let hushing = null;

/**
 * Tells screen readers.
 * @param {string} text
 */
export function announce(text) {
  const announcer = document.getElementById('announcer');
  if (!announcer) return;
  announcer.textContent = text;
  clearTimeout(hushing);
  hushing = setTimeout(hush, announcedMs);
}

/** Takes back what was announced. */
export function hush() {
  clearTimeout(hushing);
  document.getElementById('announcer')?.replaceChildren();
}
