// Runs before the first paint, so that a chosen theme does not flash in late. A classic script:
// modules wait for the document. The choice itself is made in theme.js.
'use strict';
try {
  const theme = localStorage.getItem('hub.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is denied: the system's preference holds.
}
