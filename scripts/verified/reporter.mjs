// A jest reporter that writes one section of docs/verified.md: what ran against which real program, when, and how it ended.
import { readFileSync, writeFileSync } from 'node:fs';

const page = new URL('../../docs/verified.md', import.meta.url);

export default class VerifiedReporter {
  #options;

  /** @param {unknown} _config @param {{section: string, program: string}} options */
  constructor(_config, options) {
    this.#options = options;
  }

  async onRunComplete(_contexts, results) {
    if (process.argv.some((word) => /^(-t|--testNamePattern|.*\.test\.ts)/.test(word))) return;
    const { section, program } = this.#options;
    const { version } = await import(new URL(program, import.meta.url).href);
    const lines = results.testResults
      .toSorted((a, b) => a.testFilePath.localeCompare(b.testFilePath))
      .flatMap(({ testResults }) => testResults)
      .map(({ fullName, status }) => `| ${cell(fullName)} | ${status} |`);
    const today = new Date().toISOString().slice(0, 10);
    const text = [
      `${await version()}, ${today}: ${results.numPassedTests} passed, ${results.numFailedTests} failed, ${results.numPendingTests} skipped.`,
      '',
      '| What was done | Result |',
      '| --- | --- |',
      ...lines,
    ].join('\n');
    const [begin, end] = [`<!-- verified: ${section} -->`, `<!-- /verified: ${section} -->`];
    const old = readFileSync(page, 'utf8');
    const [from, to] = [old.indexOf(begin), old.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/verified.md has no ${begin} ... ${end}`);
    writeFileSync(page, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
  }
}

/** Text in a cell of a Markdown table. */
function cell(text) {
  return text.replace(/[|<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
