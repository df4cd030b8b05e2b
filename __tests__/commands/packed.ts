import { gunzipSync } from 'node:zlib';

const text = (block: Buffer, start: number, length: number) =>
  block.toString('latin1', start, start + length).replace(/\0.*$/s, '');

/**
 * Looks a file up as bpf-compatible's library does on the running machine (bpf-compatible-sys/src/lib.rs):
 * gunzip, walk the headers, compare the name of each alone, take the bytes behind the one that fits.
 */
export function lookUp(tarball: Buffer, machine: MachineNames): Buffer | undefined {
  const { id, versionId, machine: arch, release } = machine;
  const wanted = `./btfhub-archive/${id}/${versionId}/${arch}/${release}.btf`;
  return entriesOf(tarball).find(({ name }) => name === wanted)?.content;
}

/** os-release's ID and VERSION_ID, and uname's machine and release. */
export interface MachineNames {
  readonly id: string;
  readonly versionId: string;
  readonly machine: string;
  readonly release: string;
}

/** Every entry of a ustar, by its header alone. */
export function entriesOf(tarball: Buffer): { name: string; type: string; content: Buffer }[] {
  const tar = gunzipSync(tarball);
  const entries = [];
  for (let at = 0; tar[at] !== 0; ) {
    const block = tar.subarray(at, at + 512);
    const prefix = text(block, 345, 155);
    const name = `${prefix === '' ? '' : `${prefix}/`}${text(block, 0, 100)}`;
    const size = Number.parseInt(text(block, 124, 12), 8);
    const type = text(block, 156, 1);
    entries.push({ name, type, content: tar.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}
