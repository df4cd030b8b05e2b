import { Failure } from '../failure.ts';
import { atomgit } from './atomgit.ts';
import type { Forge, ForgeName } from './forge.ts';
import { gitea } from './gitea.ts';
import { gitee } from './gitee.ts';
import { github } from './github.ts';
import type { ForgeRepository } from './repository.ts';

const ADAPTERS: Readonly<Record<ForgeName, (place: ForgeRepository) => Forge>> = {
  gitee,
  atomgit,
  github,
  gitea,
};

/** The public hosts, and where their APIs are. */
const HOSTS: Readonly<Record<string, { readonly forge: ForgeName; readonly root: string }>> = {
  'gitee.com': { forge: 'gitee', root: 'https://gitee.com/api/v5' },
  'atomgit.com': { forge: 'atomgit', root: 'https://api.atomgit.com/api/v5' },
  'gitcode.com': { forge: 'atomgit', root: 'https://api.gitcode.com/api/v5' },
  'github.com': { forge: 'github', root: 'https://api.github.com' },
  'codeberg.org': { forge: 'gitea', root: 'https://codeberg.org/api/v1' },
  'gitea.com': { forge: 'gitea', root: 'https://gitea.com/api/v1' },
};

/** Where each forge has its API on a self-hosted server. */
const OWN_ROOTS: Readonly<Record<ForgeName, string>> = {
  gitee: '/api/v5',
  atomgit: '/api/v5',
  github: '/api/v3',
  gitea: '/api/v1',
};

/** Where pull requests are asked about. */
export interface ForgeAddress {
  readonly forge: ForgeName;
  /** Without a slash at the end. */
  readonly root: string;
  readonly owner: string;
  readonly repository: string;
}

/**
 * The forge behind a git remote: known by its host, or given.
 *
 * @param remote its host, its origin where it is http or https, and the path `owner/repository`
 * @param given what `--forge` and `--api-url` say
 * @throws Failure `usage` when the forge cannot be found out
 */
export function findForge(
  remote: { readonly host: string; readonly origin: string | undefined; readonly path: string },
  given: { readonly forge?: ForgeName | undefined; readonly apiUrl?: string | undefined },
): ForgeAddress {
  const known = HOSTS[remote.host.replace(/^(www|ssh|git)\./, '').toLowerCase()];
  const forge = given.forge ?? known?.forge;
  if (forge === undefined) {
    throw new Failure(
      'usage',
      `Which forge ${remote.host} is cannot be told from its name.`,
      'Say --forge gitee, atomgit, github or gitea; or --no-pull-request to push alone.',
    );
  }
  // An owner may be a group within a group.
  const parts = remote.path.split('/');
  const repository = parts.pop() ?? '';
  if (parts.length === 0 || repository === '') {
    throw new Failure(
      'usage',
      `'${remote.path}' is not <owner>/<repository>.`,
      'Check --archive; or give --no-pull-request to push alone.',
    );
  }
  const usual = known?.forge === forge ? known.root : undefined;
  const own = `${remote.origin ?? `https://${remote.host}`}${OWN_ROOTS[forge]}`;
  return {
    forge,
    root: checkRoot(given.apiUrl ?? usual ?? own),
    owner: parts.map(encode).join('/'),
    repository: encode(repository),
  };
}

/** Opens what `findForge` found. */
export function openForge(
  address: ForgeAddress,
  ports: Omit<ForgeRepository, 'root' | 'owner' | 'repository'>,
): Forge {
  return ADAPTERS[address.forge]({ ...ports, ...address });
}

function encode(part: string): string {
  return encodeURIComponent(decodeURIComponent(part));
}

function checkRoot(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '') {
    throw new Failure(
      'usage',
      'The address of the API is no http or https URL, or holds a name, a password or a query.',
      'Check --api-url: https://<host>/api/v5 for example.',
    );
  }
  return url.href.replace(/\/+$/, '');
}
