// theme.js: light, dark, or as the system says. The choice is `data-theme` on <html>, absent for the
// system's, and is kept in this browser.

const KEY = 'colonnade-theme';
const NEXT = { system: 'light', light: 'dark', dark: 'system' };
const NAMES = { system: 'auto', light: 'light', dark: 'dark' };

const listeners = new Set();
const system = matchMedia('(prefers-color-scheme: dark)');

function chosen() {
  return document.documentElement.dataset.theme || 'system';
}

// Calls fn whenever colours change; returns an unsubscribe function.
export function onThemeChange(fn) {
  listeners.add(fn);
  return () => listeners.delete(fn);
}

function changed() {
  for (const fn of [...listeners]) fn();
}

function choose(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
  changed();
}

// Makes `button` go round the three themes; its text is the present one.
export function themeButton(button) {
  const show = () => {
    const theme = chosen();
    button.textContent = `Theme: ${NAMES[theme]}`;
    const why = theme === 'system' ? 'As the system says' : 'Chosen here';
    button.title = `${why}; press for ${NAMES[NEXT[theme]]}`;
  };
  button.addEventListener('click', () => {
    choose(NEXT[chosen()]);
    show();
  });
  system.addEventListener('change', changed);
  show();
}
