// Polars: each line "INPUT OUTPUT" of standard input is answered by a line of JSON: the seconds it took to read the
// CSV file, add r = (a-b)/(c+d)**2 and write the other one. Ends with its input.
import { createRequire } from 'node:module';
import readline from 'node:readline';

const [modules] = process.argv.slice(2);
const require = createRequire(modules + '/');
const pl = require('nodejs-polars');

const say = (document) => process.stdout.write(JSON.stringify(document) + '\n');

function compute(input, output) {
  const sum = pl.col('c').plus(pl.col('d'));
  const r = pl.col('a').minus(pl.col('b')).div(sum.mul(sum)).alias('r');
  pl.readCSV(input).withColumns(r).writeCSV(output);
}

say({ version: require('nodejs-polars/package.json').version });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [input, output] = line.split(' ');
  const start = process.hrtime.bigint();
  compute(input, output);
  say({ seconds: Number(process.hrtime.bigint() - start) / 1e9 });
}
