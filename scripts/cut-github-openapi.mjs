#!/usr/bin/env node
// Cuts what the tests need out of GitHub's OpenAPI description, which is 385 MB as a package:
//
//   npm install --prefix /tmp/octokit --ignore-scripts @octokit/openapi
//   node scripts/cut-github-openapi.mjs /tmp/octokit/node_modules/@octokit/openapi/generated/api.github.com.json
//
// writes __tests__/forge/github-pulls.json: the requests of three operations with everything that
// they refer to. Answers are left out, but for their statuses: their shapes are most of the bytes.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const WANTED = {
  '/repos/{owner}/{repo}/pulls': ['get', 'post'],
  '/repos/{owner}/{repo}/pulls/{pull_number}': ['patch'],
};

const [source] = process.argv.slice(2);
if (source === undefined) {
  process.stderr.write('usage: cut-github-openapi.mjs <api.github.com.json>\n');
  process.exit(2);
}
const whole = JSON.parse(readFileSync(source, 'utf8'));

const paths = Object.fromEntries(
  Object.entries(WANTED).map(([path, methods]) => [
    path,
    Object.fromEntries(methods.map((method) => [method, request(whole.paths[path][method])])),
  ]),
);
const components = {};
collect(paths);

const target = join(dirname(import.meta.dirname), '__tests__/forge/github-pulls.json');
const { version } = whole.info;
const slice = {
  openapi: whole.openapi,
  info: { title: "GitHub's pull requests, cut from its description", version },
  servers: whole.servers,
  paths,
  components,
};
writeFileSync(target, `${JSON.stringify(slice, null, 2)}\n`);
process.stdout.write(`${target}: version ${version}\n`);

function request({ operationId, parameters, requestBody, responses }) {
  const statuses = Object.keys(responses).map((status) => [status, { description: 'left out' }]);
  return strip({
    operationId: operationId.replace('/', '-'),
    parameters,
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: Object.fromEntries(statuses),
  });
}

/** Without what a validator does not look at. */
function strip(node) {
  if (Array.isArray(node)) return node.map(strip);
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(
    ([key, value]) =>
      !['examples', 'example', 'format'].includes(key) &&
      !(key === 'description' && value !== 'left out'),
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, strip(value)]));
}

/** Brings along every component that a node refers to, and those that they refer to. */
function collect(node) {
  if (typeof node !== 'object' || node === null) return;
  const reference = node.$ref;
  if (typeof reference === 'string') {
    const [, , kind, name] = reference.split('/');
    components[kind] ??= {};
    if (components[kind][name] === undefined) {
      components[kind][name] = strip(whole.components[kind][name]);
      collect(components[kind][name]);
    }
  }
  for (const value of Object.values(node)) collect(value);
}
