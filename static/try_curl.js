// try_curl.js: the present form as a command for a POSIX shell.

import { address } from './api.js';
import { session } from './session.js';
import { acceptOf, bodyJson, partsOf } from './try_request.js';

// Bytes that systems let one argument have are 128 KiB; a character may be four of them.
const MOST_OF_ARGUMENT = 30000;

// Characters that a terminal acts on while they are pasted, quoted or not.
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

// Quotes for a POSIX shell; left out where nothing needs them.
export function shellQuote(text) {
  if (CONTROL.test(text)) return escaped(text);
  if (/^[A-Za-z0-9_\/:.,=@%+-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function escaped(text) {
  const hex = (character) => '\\x' + character.charCodeAt(0).toString(16).padStart(2, '0');
  return `$'${text.replace(/[\\']/g, '\\$&').replace(new RegExp(CONTROL, 'g'), hex)}'`;
}

export function tokenWords(signedIn) {
  return signedIn ? ['-H "Authorization: Bearer $(cat TOKEN_FILE)"'] : [];
}

// The command that sends `text`, which is JSON, to `path`.
export function curlOfJson(path, text) {
  const words = [...tokenWords(session.signedIn()), "-H 'Content-Type: application/json'",
    '-d ' + (text.length > MOST_OF_ARGUMENT ? '@REQUEST.json' : shellQuote(text)), shellQuote(address(path))];
  return 'curl ' + words.join(' \\\n  ');
}

// A file name for curl's -F: between double quotes when it holds what curl would take as its own
// syntax. "-" would be standard input.
export function curlFile(name) {
  const path = name === '-' ? './-' : name;
  if (!/[",;\\]|^\s|\s$/.test(path)) return '@' + path;
  return '@"' + path.replace(/[\\"]/g, '\\$&') + '"';
}

// The command for the form `form`; `fileName` is the chosen file's, `signedIn` whether the page had to
// give a token. Absolute address, because the shell does not know the page.
export function curlCommand(form, { fileName = null, signedIn = false } = {}) {
  const words = tokenWords(signedIn);
  const accept = acceptOf(form).Accept;
  if (accept) words.push('-H ' + shellQuote(`Accept: ${accept}`));
  if (form.source === 'file') {
    for (const [name, value] of partsOf(form)) words.push('--form-string ' + shellQuote(`${name}=${value}`));
    words.push('-F ' + shellQuote('data=' + curlFile(fileName || 'FILE.csv')));
  } else {
    words.push("-H 'Content-Type: application/json'");
    words.push('-d ' + shellQuote(bodyJson(form)));
  }
  words.push(shellQuote(address('v1/compute')));
  return 'curl ' + words.join(' \\\n  ');
}
