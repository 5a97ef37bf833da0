// reporter.mjs: node:test's events as lines: each test, what failed in full, and the counts that
// tests/run.sh adds up.
import { inspect } from 'node:util';

export default async function* report(source) {
  let passed = 0;
  let failed = 0;
  for await (const { type, data } of source) {
    if (type === 'test:stdout' && data.message.startsWith('measured')) yield data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite' || data.name.endsWith('.mjs')) {
      if (type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed') {
        failed += 1;
        yield `FAILED ${data.name}\n${inspect(data.details.error?.cause ?? data.details.error)}\n`;
      }
      continue;
    }
    if (type === 'test:pass') {
      passed += 1;
      yield `ok ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else {
      failed += 1;
      yield `FAILED ${data.name}\n${inspect(data.details.error?.cause ?? data.details.error)}\n`;
    }
  }
  yield `${passed} passed, ${failed} failed\n`;
}
