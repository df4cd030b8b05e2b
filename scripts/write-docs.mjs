#!/usr/bin/env node
// Writes what the commands' own declarations say into the places that repeat it: the inputs and
// variables of the actions, the tables of the pages, and the manual page. With --check nothing is written: it fails
// when a place says something else.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { importSources, root } from './import-sources.mjs';
import './write-sources.mjs';
import './write-schemas.mjs';

// What an action leaves out of its command's options, and where its defaults are its own.
const ACTIONS = {
  'action.yml': {
    command: 'build',
    without: ['temp', 'cache', 'toolCache'],
    defaults: { pahole: '1.31', installDependencies: 'true' },
  },
  'check/action.yml': { command: 'check', without: ['cache', 'showCache'], defaults: {} },
  'tailor/action.yml': { command: 'tailor', without: ['cache', 'showCache'], defaults: {} },
  'site/action.yml': { command: 'site', without: ['previous'], defaults: { output: 'site' } },
  'plan/action.yml': {
    command: 'plan',
    without: ['cache', 'matrix', 'listDistributions'],
    defaults: {},
  },
  'publish/action.yml': {
    command: 'publish',
    without: ['tokenFile'],
    defaults: { input: 'btf' },
  },
};

const { COMMANDS, kebab, manPage, variableOf } = await importSources(
  'commands',
  `export { COMMANDS } from './src/commands/all.ts';
    export { manPage } from './src/commands/man.ts';
    export { kebab, variableOf } from './src/commands/values.ts';`,
);

/** @param {string} name */
function optionsOf(name) {
  const command = COMMANDS.find((one) => one.name === name);
  if (!command) throw new Error(`There is no command '${name}'.`);
  return Object.entries(command.options).map(([option, spec]) => ({ option, spec }));
}

// ---- actions

function writeAction(file, text) {
  const { command, without, defaults } = ACTIONS[file];
  const options = optionsOf(command).filter(({ option }) => !without.includes(option));
  const inputs = options.map(({ option, spec }) => {
    const value = defaults[option] ?? spec.shownDefault ?? (spec.placeholder ? undefined : 'false');
    const input = {
      description: describe(spec),
      ...(spec.required && value === undefined ? { required: true } : {}),
      ...(value === undefined ? {} : { default: value }),
    };
    return stringify({ [kebab(option)]: input }, { lineWidth: 0, singleQuote: true });
  });
  const filled = between(text, '# <inputs>', '# </inputs>', inputs.join(''));
  return filled.replace(/^( *)# <env(?:: ([^>]+))?>\n[\s\S]*?# <\/env>\n/gm, (_, indent, names) => {
    const wanted = names?.split(' ');
    const lines = options
      .filter(({ option }) => !wanted || wanted.includes(kebab(option)))
      .map(({ option, spec }) => `${variableOf(option, spec)}: \${{ inputs.${kebab(option)} }}\n`);
    const open = `# <env${names ? `: ${names}` : ''}>\n`;
    return [open, ...lines, '# </env>\n'].map((line) => `${indent}${line}`).join('');
  });
}

function describe({ description, choices, separator }) {
  // eBPF keeps its first letter.
  const isName = /^[a-z]+[A-Z]/.test(description);
  const sentence = isName ? description : description[0].toUpperCase() + description.slice(1);
  if (choices) return `${sentence}; one of ${choices.join(', ')}`;
  if (separator === 'words') return `${sentence}; comma- or space-separated`;
  return separator === 'lines' ? `${sentence}; one per line` : sentence;
}

function between(text, open, close, content) {
  const start = text.indexOf(`${open}\n`);
  const end = text.indexOf(close);
  if (start < 0 || end < 0) throw new Error(`The markers ${open} and ${close} are missing.`);
  const indent = text.slice(text.lastIndexOf('\n', end) + 1, end);
  const lines = content.replace(/^(?=.)/gm, indent);
  return `${text.slice(0, start + open.length + 1)}${lines}${indent}${text.slice(end)}`;
}

// ---- tables

const TABLES = {
  options: (command) =>
    table(
      ['Option', 'Meaning', 'Default'],
      optionsOf(command).map(({ option, spec }) => [
        `\`--${kebab(option)}${spec.placeholder ? ` ${spec.placeholder}` : ''}\``,
        [
          cell(spec.description),
          ...(spec.required ? ['**required**'] : []),
          ...(spec.separator ? ['repeatable'] : []),
          ...(spec.variable ? [`in the environment \`${spec.variable}\``] : []),
        ].join('; '),
        spec.shownDefault === undefined ? '' : `\`${spec.shownDefault}\``,
      ]),
    ),
  inputs: (file) =>
    table(
      ['Input', 'Meaning', 'Default'],
      Object.entries(action(file).inputs).map(([name, input]) => [
        `\`${name}\``,
        `${cell(input.description)}${input.required ? '; **required**' : ''}`,
        input.default === undefined || input.default === '' ? '' : `\`${input.default}\``,
      ]),
    ),
  outputs: (file) =>
    table(
      ['Output', 'Meaning'],
      Object.entries(action(file).outputs).map(([name, { description }]) => [
        `\`${name}\``,
        cell(description),
      ]),
    ),
};

function table(titles, rows) {
  const line = (cells) => `| ${cells.map((one) => one.replace(/\|/g, '\\|')).join(' | ')} |\n`;
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line)].join('');
}

function cell(text) {
  return text.replace(/</g, '&lt;').replace(/\*/g, '\\*').replace(/\s+/g, ' ');
}

function action(file) {
  return parse(written.get(file) ?? readFileSync(join(root, file), 'utf8'));
}

function writePage(text) {
  return text.replace(
    /(<!-- (options|inputs|outputs): (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open, kind, name, close) => `${open}\n${TABLES[kind](name)}\n${close}`,
  );
}

// ---- all of it

const written = new Map();
const changed = [];
function write(file, text, after) {
  written.set(file, after);
  if (after === text) return;
  changed.push(file);
  if (!process.argv.includes('--check')) writeFileSync(join(root, file), after);
}

for (const file of Object.keys(ACTIONS).filter((f) =>
  COMMANDS.some((c) => c.name === ACTIONS[f].command),
)) {
  const text = readFileSync(join(root, file), 'utf8');
  write(file, text, writeAction(file, text));
}
const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.md') && !file.includes('node_modules'),
);
for (const file of pages) {
  const text = readFileSync(join(root, file), 'utf8');
  write(file, text, writePage(text));
}

const MAN_PAGE = 'man/btfhub.1';
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
write(MAN_PAGE, readIfThere(MAN_PAGE), manPage(COMMANDS, version));

function readIfThere(file) {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
}

if (changed.length > 0 && process.argv.includes('--check')) {
  process.stderr.write(
    `Not what the commands declare: ${changed.join(', ')}. Run 'npm run docs'.\n`,
  );
  process.exit(1);
}
process.stdout.write(
  changed.length > 0 ? `written: ${changed.join(', ')}\n` : 'nothing to change\n',
);
