import { Failure } from '../failure.ts';

/** How a pointer begins (git-lfs, docs/spec.md). */
const VERSION = 'version https://git-lfs.github.com/spec/';
/** "The pointer file should be small (less than 1024 bytes)." */
const MAX_BYTES = 1024;

/** Throws `bad-archive` where a file is a Git LFS pointer instead of its content. */
export function checkNoLfsPointer(name: string, bytes: Uint8Array): void {
  if (bytes.length > MAX_BYTES) return;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (!text.startsWith(VERSION)) return;
  throw new Failure(
    'bad-archive',
    `${name} is a Git LFS pointer: the file itself is not here.`,
    "In a clone, 'git lfs pull' fetches it. An archive that others read keeps its tarballs out of Git LFS.",
  );
}
