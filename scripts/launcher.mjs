#!/usr/bin/env node
// dist/btfhub.mjs: says what is missing where Node.js is too old to read the program, which is in btfhub-main.mjs.
const [major, minor, patch] = process.versions.node.split('.').map(Number);
const isOld = major < 20 || (major === 20 && (minor < 18 || (minor === 18 && patch < 1)));
if (isOld) {
  process.stderr.write(`btfhub needs Node.js 20.18.1 or newer, and this is ${process.version}.\n`);
  process.exitCode = 2;
} else if (process.platform !== 'linux') {
  process.stderr.write(`btfhub runs on Linux only, and this is ${process.platform}.\n`);
  process.exitCode = 2;
} else import('./btfhub-main.mjs');
