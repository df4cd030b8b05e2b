import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelName } from '../../archive/layout.ts';
import { makePlain } from '../../btf/plain.ts';
import { Failure } from '../../failure.ts';
import { printable } from '../../names.ts';
import type { Platform } from '../../platform/platform.ts';

/**
 * The smallest BTF with which an object's CO-RE relocations give the same values as with the kernel's
 * whole BTF: what `bpftool gen min_core_btf` writes (bpftool-gen(8)).
 *
 * @param folder for the files that bpftool reads and writes; they are gone afterwards
 * @param object absolute path
 * @throws Failure `bad-btf` with what bpftool said, `missing-program`
 */
export async function minCoreBtf(
  { programs, interrupted }: Pick<Platform, 'programs' | 'interrupted'>,
  folder: string,
  { distribution, versionId, uname }: KernelName,
  btf: Uint8Array,
  object: string,
): Promise<Buffer> {
  const name = `${distribution}-${versionId}-${uname}`;
  const [whole, least] = [join(folder, `${name}.btf`), join(folder, `${name}.min.btf`)];
  try {
    // A bpftool from before 2026 reads no other form.
    await writeFile(whole, makePlain(btf));
    const { status, signal, stderr } = await programs.run({
      program: 'bpftool',
      args: ['gen', 'min_core_btf', whole, least, object],
      signal: interrupted,
    });
    if (status === 0) return await readFile(least);
    const said = printable(stderr.trim().split('\n').at(-1) ?? '');
    throw new Failure(
      'bad-btf',
      `bpftool ended with ${status ?? signal} on the BTF of ${uname}: ${said || 'it said nothing'}.`,
      "It must know 'gen min_core_btf', which came with Linux 5.18.",
    );
  } finally {
    await Promise.all([whole, least].map((path) => rm(path, { force: true })));
  }
}
