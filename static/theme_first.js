// theme_first.js: the chosen theme, set before the first paint, so that the page does not flash.
// A classic script: modules run only after the page was parsed.
try {
  const chosen = localStorage.getItem('colonnade-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden: the system's theme.
}
