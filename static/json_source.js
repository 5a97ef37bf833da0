// json_source.js: a member of a JSON document as it was written. What is sent again must be what was
// sent: numbers beyond 2^53 (a seed, arguments of a call) do not survive JSON.parse.

const STRING = /"(?:[^"\\]|\\.)*"/y;
const SCALAR = /[^\s,\]}]+/y;
const SPACE = /\s*/y;

function past(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

// Where the value that begins at `at` ends. The text is known to be valid JSON.
function pastValue(text, at) {
  if (text[at] === '"') return past(STRING, text, at);
  if (text[at] !== '{' && text[at] !== '[') return past(SCALAR, text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === '"') i = past(STRING, text, i) - 1;
    else if (text[i] === '{' || text[i] === '[') depth += 1;
    else if ((text[i] === '}' || text[i] === ']') && (depth -= 1) === 0) return i + 1;
  }
  return text.length;
}

// The source of text's member path[0].path[1]…, or null if there is none.
export function memberSource(text, path) {
  let at = past(SPACE, text, 0);
  for (const name of path) {
    at = placeOf(text, at, name);
    if (at < 0) return null;
  }
  return text.slice(at, pastValue(text, at));
}

// Where the value of a member of the object at `at` begins; -1 if there is none.
function placeOf(text, at, name) {
  if (text[at] !== '{') return -1;
  let i = past(SPACE, text, at + 1);
  while (text[i] === '"') {
    const end = past(STRING, text, i);
    const key = JSON.parse(text.slice(i, end));
    i = past(SPACE, text, past(SPACE, text, end) + 1);
    if (key === name) return i;
    i = past(SPACE, text, pastValue(text, i));
    if (text[i] !== ',') return -1;
    i = past(SPACE, text, i + 1);
  }
  return -1;
}
