// report_style.js: the look of a report, on a screen, a phone and paper. It is a file of its own, so
// it cannot take the page's tokens; it is always light, as its pictures are.

export const REPORT_CSS = `
:root { color-scheme: light; }
*, *::before, *::after { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1144px; padding: 40px 32px 64px; color: #1a2126; background: #ffffff;
  font: 15px/1.55 system-ui, sans-serif;
}
header { border-bottom: 1px solid #d6dce1; padding-bottom: 16px; }
.kind { margin: 0 0 4px; color: #0a6a70; font-weight: 600; font-size: 13px; }
h1 { margin: 0 0 4px; font-size: 26px; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 40px 0 12px; font-size: 18px; line-height: 1.3; }
p { margin: 0 0 8px; max-width: 80ch; }
.quiet, .note { color: #545f69; }
.note { font-size: 13px; }
.headline { font-size: 18px; line-height: 1.45; }
ul { padding-left: 20px; }
li { margin: 6px 0; max-width: 85ch; }
p, li, figcaption { overflow-wrap: anywhere; }
.caution { color: #7f5200; }
figure { margin: 0 0 32px; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: 8px; }
img { display: block; max-width: 100%; height: auto; }
.wide-table { overflow-x: auto; margin-bottom: 24px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
caption { text-align: left; color: #545f69; padding-bottom: 8px; }
th, td { text-align: left; padding: 5px 9px; border-bottom: 1px solid #d6dce1; white-space: nowrap; }
th { color: #545f69; font-weight: 600; }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 24px; margin: 0; }
dt { color: #545f69; }
dd { margin: 0; overflow-wrap: anywhere; }
pre, code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 13px; }
pre {
  padding: 12px; background: #edf0f1; border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere;
}
@media (max-width: 600px) {
  body { padding: 20px 15px 40px; }
  h1 { font-size: 21px; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print {
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  table { font-size: 7.5pt; }
  td code { font-size: 7pt; }
  th, td { padding: 3px 4px; }
  th { white-space: normal; vertical-align: bottom; }
  tr { break-inside: avoid; }
  h2 { break-after: avoid; margin-top: 24px; }
  .wide-table { overflow: visible; }
}
`;
