// The licences of the packages in a bundle.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const HEADING = `The program btfhub contains the following packages, unchanged. Their licences are below, one after the other.

With the sources of this project and another version of a package, 'npm run build' makes
it anew, as section 4 of the LGPL wants.
`;

/**
 * @param {string} root the folder with node_modules
 * @param {readonly string[]} inputs paths of the files in the bundle, relative to it
 * @returns {string} name, version and licence of each package, sorted by name. The same licence text is written once.
 */
export function licencesOf(root, inputs) {
  const packages = packageFolders(inputs).map((folder) => readPackage(root, folder));
  const texts = new Map();
  for (const { name, version, licence, source, text } of packages) {
    const names = texts.get(text) ?? [];
    texts.set(text, [...names, `${name} ${version} (${licence})${source}`]);
  }
  const blocks = [...texts].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  // The LGPL adds to the GPL, and must come with it.
  if (packages.some(({ licence }) => /^LGPL-3/.test(licence))) {
    blocks.push(readFileSync(join(root, 'scripts', 'gpl-3.0.txt'), 'utf8'));
  }
  const line = `${'-'.repeat(80)}\n\n`;
  return [HEADING, ...blocks].join(`\n${line}`);
}

/** `node_modules/<name>`, with the scope, and with the folders of nested packages. */
export function packageFolders(inputs) {
  const folders = inputs.flatMap((path) => {
    const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path);
    return found ? [found[0]] : [];
  });
  return [...new Set(folders)].sort();
}

function readPackage(root, folder) {
  const path = join(root, folder);
  const { name, version, license, repository, homepage } = JSON.parse(
    readFileSync(join(path, 'package.json'), 'utf8'),
  );
  if (typeof license !== 'string') throw new Error(`${folder} does not name its licence.`);
  const files = readdirSync(path).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(path, file), 'utf8'));
  const text = texts.map((one) => one.replace(/\r\n/g, '\n').trim()).join('\n\n');
  const url = typeof repository === 'string' ? repository : (repository?.url ?? homepage ?? '');
  const source = url === '' ? '' : `, ${url.replace(/^git\+/, '')}`;
  return { name, version, licence: license, source, text: text || textOf(license, path) };
}

/** A package without a file of its licence says it in its README, or only names it. */
function textOf(license, path) {
  const readme = readdirSync(path).find((file) => /^readme/i.test(file));
  const text = readme === undefined ? '' : readFileSync(join(path, readme), 'utf8');
  const [, section] = /^#+ *licen[cs]e\s*\n([\s\S]*?)(?=^#|(?![\s\S]))/im.exec(text) ?? [];
  return (
    section?.trim() || `The package names the licence ${license} and has no file with its text.`
  );
}
