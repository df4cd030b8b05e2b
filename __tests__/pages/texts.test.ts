import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TEXTS } from '../../src/pages/texts.ts';

test.each([
  ['en', 'explorer.md'],
  ['zh', 'explorer.zh-CN.md'],
] as const)('what a page in %s says when it cannot answer is explained in %s', (language, name) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');
  const { bug, 'not-an-object': refusedFile, ...errors } = TEXTS[language].errors;
  for (const error of Object.values(errors)) {
    expect(page).toContain(`| ${error.split(/[.。]/)[0]} | `);
  }
});
