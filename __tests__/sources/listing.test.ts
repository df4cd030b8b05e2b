import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { readListing } from '../../src/sources/listing.ts';
import { autoindex } from '../tree/server.ts';

const page = 'https://mirror.example/openeuler/';
const folder = (name: string) => ({ name, isDirectory: () => true });
const foldersOf = (text: string, url = page) => readListing(text, url)?.folders;

const FOLDERS = [
  '50%25',
  'a+b ^~',
  'empty',
  'openEuler-22.03-LTS',
  'openEuler-24.03-LTS-SP1-a-name-that-is-longer-than-fifty-characters',
  'é&co',
];
const FILES = ['README', 'a b#c?.rpm', 'kernel-debuginfo-5.10.0-60.18.0.50.oe2203.x86_64.rpm'];

test.each([
  ['nginx.html', 'nginx 1.22.1'],
  ['nginx.json', 'nginx 1.22.1 with autoindex_format json'],
  ['nginx.xml', 'nginx 1.22.1 with autoindex_format xml'],
  ['apache-plain.html', 'Apache 2.4.71'],
  ['apache-fancy.html', 'Apache 2.4.71 with FancyIndexing'],
  ['apache-table.html', 'Apache 2.4.71 with HTMLTable and cut names'],
  ['lighttpd.html', 'lighttpd 1.4.69'],
  ['python.html', 'http.server of Python 3.11'],
])('the page that %s has, by %s, lists all folders and files', (file) => {
  const text = readFileSync(join(import.meta.dirname, 'listings', file), 'utf8');
  const listing = readListing(text, 'http://127.0.0.1:8000/mirror/');
  expect(listing?.folders.toSorted()).toEqual(FOLDERS.toSorted());
  expect(listing?.files.toSorted()).toEqual(FILES.toSorted());
});

test('links by ./, by whole path and by whole address are children', () => {
  const html = `<a href="./one/">one/</a><a class="x" href=two/>two</a>
    <a href="/openeuler/three/">three</a><a href="https://mirror.example/openeuler/four/">4</a>`;
  expect(foldersOf(html)).toEqual(['one', 'two', 'three', 'four']);
});

test('links to index.html are folders, also on a page that is index.html itself', () => {
  const html =
    '<a href="../index.html">up</a><a href="one/index.html">one</a><a href="two/">two</a>';
  expect(foldersOf(html)).toEqual(['one', 'two']);
  expect(foldersOf(html, `${page}index.html`)).toEqual(['one', 'two']);
});

test('links are relative to <base href>', () => {
  const html = '<base href="https://mirror.example/openeuler/"><a href="one/">1</a>';
  expect(foldersOf(html, 'https://mirror.example/openeuler')).toEqual(['one']);
  const other = '<base href="/elsewhere/"><a href="one/">1</a><a href="/openeuler/two/">2</a>';
  expect(foldersOf(other)).toEqual(['two']);
});

test('an index whose links have the name of the server behind the proxy is read', () => {
  const html = `<title>Index of /openeuler</title><a href="http://backend:8080/">up</a>
    <a href="http://backend:8080/openeuler/one/">1</a><a href="http://backend:8080/openeuler/two/">2</a>
    <a href="https://nginx.example/openeuler/">made by</a>`;
  expect(foldersOf(html)).toEqual(['one', 'two']);
});

test('where no link ends in a slash, every child may be a folder', () => {
  const html =
    '<title>Index of /openeuler</title><a href="..">up</a><a href="one">1</a><a href="two">2</a>';
  expect(foldersOf(html)).toEqual(['one', 'two']);
});

test('an S3 bucket lists folders by common prefixes and by keys', () => {
  const bucket = (inner: string) =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>${inner}</ListBucketResult>`;
  const prefixes =
    '<Prefix>openeuler/</Prefix><IsTruncated>false</IsTruncated><Contents><Key>openeuler/README</Key></Contents><CommonPrefixes><Prefix>openeuler/a&amp;b/</Prefix></CommonPrefixes>';
  expect(readListing(bucket(prefixes), page)).toEqual({ folders: ['a&b'], files: ['README'] });
  const keys =
    '<Prefix/><IsTruncated>false</IsTruncated><Contents><Key>one/repodata/repomd.xml</Key></Contents>';
  expect(foldersOf(bucket(keys))).toEqual(['one']);
  expect(foldersOf(bucket(keys.replace('false', 'true')))).toBeUndefined();
});

test('links that lead elsewhere are no children', () => {
  const html = `<a href="../">up</a><a href="https://other.example/openeuler/x/">x</a>
    <a href="a/b/">deep</a><a href="%2e%2e/">dots</a><a href="a%2fb/">slash</a>
    <a href="javascript:alert(1)/">js</a><a href="%zz/">bad</a><!-- <a href="comment/"> -->`;
  expect(foldersOf(html)).toEqual([]);
});

test.each([
  ['a login page', '<html><a href="http://login.example/">log in</a></html>'],
  ['nothing', ''],
  ['JSON of another kind', '{"message":"forbidden"}'],
  ['a list of other things in JSON', '[1,{"name":"x"}]'],
  ['broken JSON', '[{'],
])('%s is no listing', (_title, text) => {
  expect(readListing(text, page)).toBeUndefined();
});

test('an empty folder is an empty listing', () => {
  expect(foldersOf('<title>Index of /openeuler/</title>')).toEqual([]);
  expect(foldersOf('[]')).toEqual([]);
});

test('any folder name that a server lists is read back', () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    .filter((text) => !/^\.\.?$|^index\.html?$/i.test(text) && !/[/\\]/.test(text));
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 10 }), (names) => {
      expect(foldersOf(autoindex('/openeuler/', names.map(folder)))).toEqual(names);
    }),
  );
});

test('any text is a listing or none, without an error', () => {
  const words = fc.constantFrom('<a href="', 'x/">', '<base href="', '[{"name":', '<list>', '&#x;');
  fc.assert(
    fc.property(
      fc.array(fc.oneof(words, fc.string({ maxLength: 9 })), { maxLength: 20 }),
      (parts) => {
        const listing = readListing(parts.join(''), page);
        for (const found of listing?.folders ?? []) expect(found).not.toMatch(/^\.{0,2}$|\//);
      },
    ),
  );
});

test('50,000 files are read in bounded time', () => {
  const entries = Array.from({ length: 50_000 }, (_, n) => ({
    name: `kernel-debuginfo-5.10.0-${n}.x86_64.rpm`,
    isDirectory: () => false,
  }));
  expect(readListing(autoindex('/openeuler/', entries), page)?.files).toHaveLength(50_000);
}, 20_000);
