import { markdownTable, textTable } from '../../src/report/table.ts';

const columns = [{ title: 'kernel' }, { title: 'size', align: 'right' }, { title: '' }] as const;

test('a text table has aligned columns and no trailing spaces', () => {
  expect(
    textTable(columns, [
      ['a', '1', ''],
      ['long name', '10 MB', 'x'],
    ]),
  ).toBe('kernel      size\na              1\nlong name  10 MB  x\n');
});

test('a cell cannot break out of a Markdown table', () => {
  const table = markdownTable(columns, [['a|b\n| <b>*x*</b>', '[l](u)', '`c`']]);
  expect(table).toBe(
    '| kernel | size |  |\n| --- | ---: | --- |\n' +
      '| a\\|b \\| &lt;b>\\*x\\*&lt;/b> | \\[l\\](u) | \\`c\\` |\n',
  );
});
