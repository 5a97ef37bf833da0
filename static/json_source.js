// json_source.js: parts of a JSON document as they were written. What is sent again must be what was
// sent, and what is shown what came: integers beyond 2^53 (a seed, a hash) do not survive JSON.parse,
// nor does the order of members that are called like numbers.

const SCALAR = /[^\s,\]}]+/y;
const SPACE = /\s*/y;

function past(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

// A loop, no pattern: a pattern would run out of its stack in a string of some megabytes.
function pastString(text, at) {
  for (let end = at + 1; ; end += 1) {
    end = text.indexOf('"', end);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
}

// Where the value that begins at `at` ends. The text is known to be valid JSON.
function pastValue(text, at) {
  if (text[at] === '"') return pastString(text, at);
  if (text[at] !== '{' && text[at] !== '[') return past(SCALAR, text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === '"') i = pastString(text, i) - 1;
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
  let place = -1;
  eachMember(text, at, (key, i) => {
    if (key === name) place = i;
    return key === name;
  });
  return place;
}

// [[name, source]] of the members of an object, in the order in which they are written.
export function membersOf(source) {
  const members = [];
  eachMember(source, past(SPACE, source, 0), (name, at) => {
    members.push([name, source.slice(at, pastValue(source, at))]);
    return false;
  });
  return members;
}

// The first `most` values of an array: numbers as they are written, everything else as it is.
export function elementsOf(source, most = Infinity) {
  const values = [];
  let i = past(SPACE, source, past(SPACE, source, 0) + 1);
  while (i < source.length && source[i] !== ']' && values.length < most) {
    const end = pastValue(source, i);
    values.push(valueOf(source.slice(i, end)));
    i = past(SPACE, source, end);
    if (source[i] === ',') i = past(SPACE, source, i + 1);
  }
  return values;
}

function valueOf(source) {
  return /^[-\d]/.test(source) ? source : JSON.parse(source);
}

// Calls found(name, where its value begins) for each member of the object at `at`, until one is true.
function eachMember(text, at, found) {
  if (text[at] !== '{') return;
  let i = past(SPACE, text, at + 1);
  while (text[i] === '"') {
    const end = pastString(text, i);
    const key = JSON.parse(text.slice(i, end));
    i = past(SPACE, text, past(SPACE, text, end) + 1);
    if (found(key, i)) return;
    i = past(SPACE, text, pastValue(text, i));
    if (text[i] !== ',') return;
    i = past(SPACE, text, i + 1);
  }
}
