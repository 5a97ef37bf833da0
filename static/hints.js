// hints.js: places the explanations of stages.hint() beside their marks, inside the window, wherever
// the mark lies: a tip placed by style alone would be cut by scrolling tables and by narrow screens.

const GAP = 6;     // px between mark and text
const MARGIN = 8;  // px to the window's edges

let open = null;

function close() {
  if (open) open.classList.remove('shown');
  open = null;
}

function show(hint) {
  if (open === hint) return;
  close();
  const mark = hint.querySelector('.hint-mark');
  const text = hint.querySelector('.hint-text');
  if (!mark || !text) return;
  hint.classList.add('shown');
  open = hint;
  const at = mark.getBoundingClientRect();
  const size = text.getBoundingClientRect();
  const right = document.documentElement.clientWidth - MARGIN - size.width;
  const left = Math.max(MARGIN, Math.min(at.left + at.width / 2 - size.width / 2, right));
  const above = at.top - GAP - size.height;
  text.style.setProperty('left', `${left}px`);
  text.style.setProperty('top', `${above >= MARGIN ? above : at.bottom + GAP}px`);
}

function hintOf(event) {
  return event.target instanceof Element ? event.target.closest('.hint') : null;
}

// Hover, focus and tap show; leaving, Escape and scrolling hide.
export function watchHints() {
  document.addEventListener('pointerover', (event) => {
    const hint = hintOf(event);
    if (hint) show(hint);
    else if (open && !open.contains(document.activeElement)) close();
  });
  document.addEventListener('focusin', (event) => {
    const hint = hintOf(event);
    if (hint) show(hint);
    else close();
  });
  document.addEventListener('click', (event) => {
    const hint = hintOf(event);
    if (!hint) close();
    else show(hint);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close();
  });
  addEventListener('scroll', close, { passive: true, capture: true });
}
