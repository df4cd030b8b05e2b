import fc from 'fast-check';
import { folderNames } from '../../src/sources/listing.ts';
import { autoindex } from '../tree/server.ts';

const page = 'https://mirror.example/openeuler/';
const folder = (name: string) => ({ name, isDirectory: () => true });

test("nginx's page: names come out of the links, not out of the text that it cuts", () => {
  const long = `openEuler-24.03-LTS-${'x'.repeat(60)}`;
  const file = { name: 'README', isDirectory: () => false };
  const html = autoindex('/openeuler/', [folder(long), file, folder('a+b ^~')]);
  expect(html).toContain('..&gt;');
  expect(folderNames(html, page)).toEqual([long, 'a+b ^~']);
});

test("Apache's page: sorting links, icons and the parent are no folders", () => {
  const html = `<html><head><title>Index of /openeuler</title></head><body><table>
    <tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
    <tr><td><img src="/icons/back.gif"></td><td><a href="/">Parent Directory</a></td></tr>
    <tr><td><a href="openEuler-22.03-LTS/">openEuler-22.03-LTS/</a></td></tr>
    <tr><td><A HREF='openEuler-24.03-LTS/'>openEuler-24.03-LTS/</A></td></tr>
    <tr><td><a href="MIRROR.txt">MIRROR.txt</a></td></tr></table></body></html>`;
  expect(folderNames(html, page)).toEqual(['openEuler-22.03-LTS', 'openEuler-24.03-LTS']);
});

test("Caddy's and Python's pages, and links by their whole path or address", () => {
  const html = `<a href="./one/">one/</a><a class="x" href=two/>two</a>
    <a href="/openeuler/three/">three</a><a href="https://mirror.example/openeuler/four/">4</a>`;
  expect(folderNames(html, page)).toEqual(['one', 'two', 'three', 'four']);
});

test('links that lead elsewhere are no folders', () => {
  const html = `<a href="../">up</a><a href="https://other.example/openeuler/x/">x</a>
    <a href="a/b/">deep</a><a href="%2e%2e/">dots</a><a href="a%2fb/">slash</a>
    <a href="javascript:alert(1)/">js</a><a href="%zz/">bad</a>`;
  expect(folderNames(html, page)).toEqual([]);
});

test('a page without a link to a child or the parent is no listing', () => {
  expect(
    folderNames('<html><a href="http://login.example/">log in</a></html>', page),
  ).toBeUndefined();
  expect(folderNames('', page)).toBeUndefined();
  expect(folderNames('<title>Index of /openeuler/</title>', page)).toEqual([]);
});

test('any folder name that a server lists comes out again', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    .filter((text) => !/^\.\.?$/.test(text) && !/[/\\]/.test(text));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 10 }), (names) => {
      expect(folderNames(autoindex('/openeuler/', names.map(folder)), page)).toEqual(names);
    }),
  );
});
