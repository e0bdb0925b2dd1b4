// Our own presence: away while the page is hidden or nobody touched it for a while.

/** As long as a coffee. Shorter: flickers; longer: colleagues wait for somebody who left. */
const idleMs = 5 * 60_000;

/** @param {import('../../sdk/workspace.js').Workspace} workspace @returns {() => void} ends it */
export function trackPresence(workspace) {
  /** @type {any} */
  let timer = null;
  const update = () => {
    clearTimeout(timer);
    if (document.visibilityState === 'hidden') {
      workspace.setPresence('AWAY');
      return;
    }
    workspace.setPresence('ONLINE');
    timer = setTimeout(() => workspace.setPresence('AWAY'), idleMs);
  };
  const names = ['visibilitychange', 'pointermove', 'pointerdown', 'keydown', 'wheel'];
  for (const name of names) document.addEventListener(name, update, { passive: true });
  update();
  return () => {
    clearTimeout(timer);
    for (const name of names) document.removeEventListener(name, update);
  };
}
