// try_curl.js: the present form as a command for a POSIX shell.

import { address } from './api.js';
import { acceptOf, bodyJson, partsOf } from './try_request.js';

// Quotes for a POSIX shell; left out where nothing needs them.
export function shellQuote(text) {
  if (/^[A-Za-z0-9_\/:.,=@%+-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
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
  const words = [];
  if (signedIn) words.push('-H "Authorization: Bearer $(cat TOKEN_FILE)"');
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
