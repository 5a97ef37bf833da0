// format.js: numbers and times as people read them. Units are always shown.

const NARROW = '\u202f';  // between number and unit
const DASH = '\u2013';    // where there is nothing

// Nanoseconds with three significant digits: "812 ns", "5.20 ms", "1.20 s", "12 min 4 s".
export function duration(ns) {
  if (!Number.isFinite(ns)) return DASH;
  const size = Math.abs(ns);
  if (size >= 120e9) {
    const seconds = Math.round(ns / 1e9);
    return `${Math.trunc(seconds / 60)}${NARROW}min ${Math.abs(seconds % 60)}${NARROW}s`;
  }
  for (const [unit, scale] of [['s', 1e9], ['ms', 1e6], ['µs', 1e3]])
    if (size >= scale * 0.9995) return digits(ns / scale) + NARROW + unit;
  return `${Math.round(ns)}${NARROW}ns`;
}

// Three significant digits, never an exponent: 1.23, 12.3, 123, 1,234.
export function digits(x) {
  const size = Math.abs(x);
  if (size >= 99.95) return Math.round(x).toLocaleString('en-US');
  return x.toFixed(size >= 9.995 ? 1 : 2);
}

// All of them: "5,200,000 ns".
export function exactNs(ns) {
  return `${Math.round(ns).toLocaleString('en-US')}${NARROW}ns`;
}

export function count(n) {
  return n === null || n === undefined ? DASH : n.toLocaleString('en-US');
}

// "1 row", "12,288 rows".
export function counted(n, noun, plural = noun + 's') {
  return `${count(n)} ${n === 1 ? noun : plural}`;
}

export function bytes(n) {
  for (const [unit, scale] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]])
    if (n >= scale) return digits(n / scale) + NARROW + unit;
  return n === null || n === undefined ? DASH : `${n}${NARROW}${n === 1 ? 'byte' : 'bytes'}`;
}

// A share of 1: "12 %", "1.2 %". With `places` shares that stand beside each other read alike; what is
// there is never "0.0 %".
export function percent(share, places = share !== 0 && Math.abs(share) < 0.0995 ? 1 : 0) {
  const least = 10 ** -places;
  if (share > 0 && 100 * share < least / 2) return `< ${least.toFixed(places)}${NARROW}%`;
  return `${(100 * share).toFixed(places)}${NARROW}%`;
}

// A text of the server with the digits of its whole numbers in groups, as everywhere on the page.
export function grouped(text) {
  return text.replace(/(?<![\w.,])\d{4,}(?!\w|[.,]\d)/g, (number) => count(Number(number)));
}

// A factor: "×2.11".
export function factor(x) {
  return x === null || x === undefined ? DASH : '×' + digits(x);
}

// An ISO time of the server: "14:03:22" today, "3 Nov, 14:03" on other days.
export function when(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return DASH;
  const now = new Date();
  const today = date.toDateString() === now.toDateString();
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return today
    ? date.toLocaleTimeString('en-GB')
    : date.toLocaleString('en-GB', { day: 'numeric', month: 'short', year, hour: '2-digit', minute: '2-digit' });
}

export function shortId(id) {
  return id.slice(0, 8);
}

export const nothing = DASH;
