import { findForge } from '../../src/forge/find.ts';
import type { ForgeName } from '../../src/forge/forge.ts';
import { parseLocation } from '../../src/git/location.ts';

function find(where: string, wish: { forge?: ForgeName; apiUrl?: string } = {}) {
  const location = parseLocation(where);
  if (location.kind !== 'remote') throw new Error(`${where} is not remote`);
  const { forge, root, owner, repository } = findForge(location, wish);
  return [forge, root, owner, repository];
}

test.each([
  ['https://gitee.com/openeuler/btfhub-archive.git', 'gitee', 'https://gitee.com/api/v5'],
  ['git@gitee.com:openeuler/btfhub-archive.git', 'gitee', 'https://gitee.com/api/v5'],
  ['https://atomgit.com/openeuler/btfhub-archive', 'atomgit', 'https://api.atomgit.com/api/v5'],
  ['https://gitcode.com/openeuler/btfhub-archive.git', 'atomgit', 'https://api.gitcode.com/api/v5'],
  ['https://github.com/openeuler/btfhub-archive/', 'github', 'https://api.github.com'],
  ['ssh://git@github.com/openeuler/btfhub-archive.git', 'github', 'https://api.github.com'],
  ['https://codeberg.org/openeuler/btfhub-archive', 'gitea', 'https://codeberg.org/api/v1'],
])('%s is known by its host', (where, forge, root) => {
  expect(find(where)).toEqual([forge, root, 'openeuler', 'btfhub-archive']);
});

test.each<[ForgeName, string]>([
  ['github', 'https://git.example.org:8443/api/v3'],
  ['gitea', 'https://git.example.org:8443/api/v1'],
  ['gitee', 'https://git.example.org:8443/api/v5'],
])('a self-hosted forge is what --forge says: %s', (forge, root) => {
  expect(find('https://git.example.org:8443/a/b.git', { forge })[1]).toBe(root);
});

test('an unknown host asks for --forge', () => {
  expect(() => find('https://git.example.org/a/b.git')).toThrow(/cannot be told/);
});

test('--api-url is taken as it is, without a slash at its end, a password or a query', () => {
  const at = (apiUrl: string) => find('https://gitee.com/a/b', { apiUrl })[1];
  expect(at('https://proxy.example.org/gitee/')).toBe('https://proxy.example.org/gitee');
  for (const bad of ['https://u:p@h/', 'ftp://h/', 'nonsense', 'https://h/?access_token=x']) {
    expect(() => at(bad)).toThrow(/no http or https URL/);
  }
});

test('the password of a URL is taken out of it', () => {
  const location = parseLocation('https://person:s%20cret@gitee.com/a/b.git');
  expect(location).toMatchObject({
    user: 'person',
    password: 's cret',
    url: 'https://gitee.com/a/b.git',
  });
});
