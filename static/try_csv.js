// try_csv.js: the beginning of a CSV in the browser, for looking at it and for checking expressions.
// The server reads the file itself and decides; nothing here changes what is computed.

const SEPARATORS = { comma: ',', semicolon: ';', tab: '\t', pipe: '|' };

// The option `delimiter` as a character.
export function separatorOf(option, fileName = '') {
  const text = option.trim();
  if (text === '') return /\.tsv$/i.test(fileName) ? '\t' : ',';
  return SEPARATORS[text] || text;
}

// At most `most` records of `text`: arrays of texts, null for an empty field without quotes. With
// `cut`, the text may end inside a record, and the last one is left out.
export function readCsv(text, separator, most, cut = false) {
  const records = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length && records.length < most) {
    const record = readRecord(text, at, separator);
    if (cut && record.open) break;
    at = record.end;
    if (record.fields.length > 1 || record.fields[0] !== null) records.push(record.fields);
  }
  return records;
}

function readRecord(text, start, separator) {
  const fields = [];
  let at = start;
  for (;;) {
    const field = text[at] === '"' ? quoted(text, at) : plain(text, at, separator);
    fields.push(field.value);
    at = field.end;
    if (text[at] === separator) at += 1;
    else break;
  }
  if (text[at] === '\r') at += 1;
  if (text[at] === '\n') return { fields, end: at + 1, open: false };
  return { fields, end: Math.max(at, start + 1), open: at >= text.length };
}

function plain(text, start, separator) {
  let end = start;
  while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r') end += 1;
  return { value: end > start ? text.slice(start, end) : null, end };
}

function quoted(text, start) {
  let value = '';
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return { value: value + text.slice(at), end: text.length };
    value += text.slice(at, quote);
    if (text[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    at = quote + 2;
  }
}

// ---- types, as the server infers them --------------------------------------------------------------

const INT = /^ *-?(0|[1-9]\d*) *$/;
const FLOAT = /^ *-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)? *$|^ *-?(nan|inf|infinity) *$/i;
const BOOL = /^(True|False|true|false)$/;
const INT64_MAX = 2n ** 63n;

function fitsInt64(text) {
  const value = BigInt(text.trim());
  return value < INT64_MAX && value >= -INT64_MAX;
}

// The type of a column from the fields that were seen: of the whole column it may be wider.
export function guessType(fields) {
  const seen = fields.filter((field) => field !== null && field !== undefined);
  if (seen.length === 0) return 'null';
  if (seen.every((field) => BOOL.test(field))) return 'bool';
  if (!seen.every((field) => FLOAT.test(field))) return 'string';
  const ints = seen.filter((field) => INT.test(field));
  if (!ints.every(fitsInt64)) return 'string';
  return ints.length === seen.length ? 'int64' : 'float64';
}
