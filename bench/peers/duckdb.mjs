// DuckDB, in memory, with so many threads: each line of standard input is one SQL statement; it is answered by a
// line of JSON with its time and the first value of its result. Ends with its input.
import { createRequire } from 'node:module';
import readline from 'node:readline';

const [modules, threads] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(modules + '/')('@duckdb/node-api');
const connection = await (await DuckDBInstance.create(':memory:', { threads })).connect();

const say = (document) => process.stdout.write(JSON.stringify(document) + '\n');
const first = (reader) => String(reader.getRows()[0]?.[0] ?? '');

say({ version: first(await connection.runAndReadAll('select version()')) });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const start = process.hrtime.bigint();
  const reader = await connection.runAndReadAll(line);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  say({ seconds, value: first(reader) });
}
