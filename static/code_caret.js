// code_caret.js: where in an expression something is, pointed at by a caret under the character. The
// server counts bytes of UTF-8.

import { h } from './dom.js';

// Where the byte `offset` of the text's UTF-8 lies in the string.
export function indexOfByte(text, offset) {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= offset) break;
    const code = character.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}

// What lies under the text on the line below it: as much room as the text takes, then the caret.
export function caretUnder(text, index) {
  return [h('span', null, text.slice(0, index)), h('b', null, '^')];
}
