// Reads an OpenAPI document from standard input, and prints what its schema finds wrong; with nothing wrong, the version.
// The argument is the folder where npm put the validator.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const module = path.resolve(process.argv[2], 'node_modules/@seriousme/openapi-schema-validator/index.js');
const { Validator } = await import(pathToFileURL(module));
const validator = new Validator();
const result = await validator.validate(JSON.parse(fs.readFileSync(0, 'utf8')));
if (!result.valid) {
    console.log(JSON.stringify(result.errors, null, 1));
    process.exitCode = 1;
} else {
    console.log(validator.version);
}
