// The icons: 20 by 20 outlines drawn for this client.

const namespace = 'http://www.w3.org/2000/svg';

const paths = {
  hash: 'M7.5 3.5 6 16.5M14 3.5l-1.5 13M3.5 7.5h13M3 12.5h13',
  lock:
    'M5.5 9h9a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1V10a1 1 0 0 1 1-1Z'
    + 'M7 9V6.5a3 3 0 0 1 6 0V9',
  plus: 'M10 4.5v11M4.5 10h11',
  close: 'm5.5 5.5 9 9M14.5 5.5l-9 9',
  menu: 'M3.5 5.5h13M3.5 10h13M3.5 14.5h13',
  search: 'M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l3.5 3.5',
  send: 'M3.5 4 17 10 3.5 16l1.8-6-1.8-6ZM5.3 10H10',
  down: 'M10 4v12M5 11l5 5 5-5',
  chevron: 'm6 8 4 4 4-4',
  people:
    'M7.5 9.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4Z'
    + 'M2.5 16c.4-2.8 2.4-4.3 5-4.3s4.6 1.5 5 4.3M13 4.4a2.5 2.5 0 0 1 0 4.8'
    + 'M14.5 12c1.7.6 2.7 2 3 4',
  invite:
    'M8 9.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4ZM3 16c.4-2.8 2.4-4.3 5-4.3s4.6 1.5 5 4.3'
    + 'M15.5 6v5M13 8.5h5',
  compass: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM12.8 7.2l-1.5 4.1-4.1 1.5 1.5-4.1 4.1-1.5Z',
  device: 'M4 4.5h12v8H4zM2.5 15.5h15',
  exit: 'M8 3.5H4.5v13H8M8.5 10h8M13.5 6.5 17 10l-3.5 3.5',
  sun:
    'M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM10 2.5V4M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1'
    + 'M14.3 14.3l1 1M4.7 15.3l1-1M14.3 5.7l1-1',
  keyboard: 'M2.5 5.5h15v9h-15zM5.5 8.5h.1M8.5 8.5h.1M11.5 8.5h.1M14.5 8.5h.1M6.5 11.5h7',
  clock: 'M10 16.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13ZM10 6.5V10l2.5 1.5',
  alert: 'M10 3.5 17.5 16h-15L10 3.5ZM10 8.5v3.5M10 14v.2',
  check: 'm4.5 10.5 3.5 3.5 7.5-8',
  pencil: 'm4 16 .8-3.3 8.4-8.4 2.5 2.5-8.4 8.4L4 16ZM11.5 6l2.5 2.5',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  retry: 'M15.5 8A6 6 0 1 0 16 11M16 4v4h-4',
  leave: 'M11 3.5H4.5v13H11M8 10h9M14 6.5l3.5 3.5-3.5 3.5',
  switch: 'M4 7h11M12 4l3 3-3 3M16 13H5M8 10l-3 3 3 3',
};

/** @typedef {keyof typeof paths} IconName */

/**
 * Decoration: the control that holds it has the name.
 * @param {IconName} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', paths[name]);
  svg.append(path);
  return svg;
}

/**
 * The mark of the product.
 * @returns {SVGElement}
 */
export function mark() {
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 64 64');
  svg.setAttribute('class', 'mark');
  svg.setAttribute('aria-hidden', 'true');
  const rect = document.createElementNS(namespace, 'rect');
  for (const [name, value] of [['width', '64'], ['height', '64'], ['rx', '15']]) {
    rect.setAttribute(name, value);
  }
  const spokes = document.createElementNS(namespace, 'path');
  spokes.setAttribute('d', 'M32 32V14M32 32 16.4 41M32 32l15.6 9');
  svg.append(rect, spokes);
  for (const [x, y, r] of [[32, 32, 8.5], [32, 14, 5.5], [16.4, 41, 5.5], [47.6, 41, 5.5]]) {
    const dot = document.createElementNS(namespace, 'circle');
    dot.setAttribute('cx', String(x));
    dot.setAttribute('cy', String(y));
    dot.setAttribute('r', String(r));
    svg.append(dot);
  }
  return svg;
}
