// A jest reporter that writes sections of docs/verified.md: what ran against which real program, when, and how it ended.
import { readFileSync, writeFileSync } from 'node:fs';

const page = new URL('../../docs/verified.md', import.meta.url);

export default class VerifiedReporter {
  #sections;

  /**
   * @param {unknown} _config
   * @param {{sections: {name: string, program: string, tests: string}[]}} options `program`: a module here whose
   * `version()` names the program; `tests`: how the paths of the section's test files end.
   */
  constructor(_config, options) {
    this.#sections = options.sections;
  }

  async onRunComplete(_contexts, results) {
    if (process.argv.some((word) => /^(-t|--testNamePattern|.*\.test\.ts)/.test(word))) return;
    for (const { name, program, tests } of this.#sections) {
      const ran = results.testResults
        .filter(({ testFilePath }) => testFilePath.endsWith(tests))
        .toSorted((a, b) => a.testFilePath.localeCompare(b.testFilePath))
        .flatMap(({ testResults }) => testResults);
      // What was skipped as a whole keeps what an earlier run has written.
      if (ran.every(({ status }) => status === 'pending')) continue;
      const { version } = await import(new URL(program, import.meta.url).href);
      writeSection(name, sectionOf(await version(), ran));
    }
  }
}

function sectionOf(version, ran) {
  const count = (wanted) => ran.filter(({ status }) => status === wanted).length;
  const today = new Date().toISOString().slice(0, 10);
  return [
    `${version}, ${today}: ${count('passed')} passed, ${count('failed')} failed, ${count('pending')} skipped.`,
    '',
    '| What was done | Result |',
    '| --- | --- |',
    ...ran.map(({ fullName, status }) => `| ${cell(fullName)} | ${status} |`),
  ].join('\n');
}

function writeSection(section, text) {
  const [begin, end] = [`<!-- verified: ${section} -->`, `<!-- /verified: ${section} -->`];
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(begin), old.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/verified.md has no ${begin} ... ${end}`);
  writeFileSync(page, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}

/** Text in a cell of a Markdown table. */
function cell(text) {
  return text.replace(/[|<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
