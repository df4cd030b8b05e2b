import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Btf } from '../../src/btf/reader.ts';
import { collectDefinitions } from '../../src/explorer/collect.ts';
import type { ListedKernel } from '../../src/jobs/fetch/list.ts';
import { makeDatabase, type SiteContent, writeSite } from '../../src/jobs/site/site.ts';
import { DefinitionStore } from '../../src/jobs/site/store.ts';
import { paholeBtf } from '../btf/made.ts';

/** A name that is markup: BTF can hold any text. */
export const HOSTILE = '<img src=x onerror=alert(1)>';

const COMMON = `
  enum state { RUNNING, SLEEPING = 4 };
  struct sock { int sk_err; struct task_struct *owner; };
  int tcp_connect(struct sock *sk) { return sk->sk_err; }
`;

/** The kernels of the site, the oldest first, and the C that pahole makes their BTF of. */
export const KERNELS: readonly (readonly [uname: string, release: string, source: string])[] = [
  [
    '4.19.90-2112.8.0.0131.oe1.x86_64',
    '20.03-LTS-SP3',
    `struct task_struct { volatile long state; void *stack; int pid; char comm[16]; }; ${COMMON}
     struct task_struct t; enum state s;`,
  ],
  [
    '5.10.0-60.18.0.50.oe2203.x86_64',
    '22.03-LTS',
    `struct task_struct { unsigned __state; void *stack; int pid; char comm[16]; }; ${COMMON}
     struct task_struct t; enum state s;`,
  ],
  [
    '5.10.0-60.19.0.51.oe2203.x86_64',
    '22.03-LTS',
    `struct task_struct { unsigned __state; void *stack; unsigned flags; int pid; char comm[16]; }; ${COMMON}
     struct task_struct t; enum state s; int udp_connect(struct sock *sk) { return 0; }`,
  ],
];

/** Builds the site out of the pages in dist/ and these kernels, and one that failed. */
export async function makeSite(scratch: string, folder: string): Promise<void> {
  const store = new DefinitionStore();
  for (const [position, [, , source]] of KERNELS.entries()) {
    const btf = new Btf(paholeBtf(scratch, source));
    for (const one of collectDefinitions(btf)) store.add(position, one);
  }
  const body = JSON.stringify([8, [HOSTILE, `*s:${HOSTILE}`, 0]]);
  for (const position of [0, 1]) store.add(position, { kind: 'struct', name: HOSTILE, body });
  const failed = '5.10.0-60.20.0.52.oe2203.x86_64';
  const content: SiteContent = {
    store,
    stored: KERNELS.map(([uname, release]) => ({
      kernel: kernel(uname, release, 'archived'),
      identity: uname,
      error: undefined,
    })),
    others: [
      { kernel: kernel(failed, '22.03-LTS', 'failed'), identity: undefined, error: undefined },
    ],
    read: KERNELS.length,
    generatedAt: '2026-11-20T01:02:03Z',
  };
  const addresses = { archive: 'https://example.org/archive.git', raw: 'https://example.org/raw/' };
  await writeSite(folder, await makeDatabase(content, addresses), content, addresses);
  const pages = join(import.meta.dirname, '..', '..', 'dist', 'site');
  cpSync(pages, folder, { recursive: true });
}

function kernel(uname: string, release: string, state: 'archived' | 'failed'): ListedKernel {
  const distribution = 'openEuler';
  const [versionId = ''] = release.split('-');
  const releases = [release];
  const entry =
    state === 'archived'
      ? undefined
      : { state, reason: 'no-debuginfo', message: 'It has none.', attempts: ['2026-11-20'] };
  // These names and the entry are what an archive's reader has checked.
  const made = { distribution, versionId, arch: 'x86_64', uname, state, releases, entry };
  return made as unknown as ListedKernel;
}
