import { Failure } from '../failure.ts';
import { HEADER_SIZE, KINDS } from './format.ts';
import { Btf } from './reader.ts';
import { preamble, wordsOf } from './write.ts';

/** Readers from before May 2026 take 16 bits of the info word for vlen, and the rest for unused. */
const MAX_VLEN = 0xffff;

/**
 * The same BTF as every consumer reads it: a header of 24 bytes, no layout section, the types and
 * strings behind it, their bytes unchanged. What is plain already comes back as it is.
 *
 * Throws `bad-btf` for what older consumers could not read in any form: a kind that is newer than
 * this program, or a type with more than 65,535 elements.
 */
export function makePlain(bytes: Uint8Array, base?: Btf): Uint8Array {
  const btf = new Btf(bytes, base);
  checkTypesArePlain(btf);
  if (headerProblem(btf, bytes.length) === undefined) return bytes;
  const { types, typeBytes, strings, stringBytes } = btf.header;
  return Buffer.concat([
    preamble(btf.byteOrder),
    wordsOf([HEADER_SIZE, 0, typeBytes, typeBytes, stringBytes], btf.byteOrder),
    bytes.subarray(types, types + typeBytes),
    bytes.subarray(strings, strings + stringBytes),
  ]);
}

/** Throws `bad-btf` unless this is the plain form; `size` is the bytes of the file. */
export function checkIsPlain(btf: Btf, size: number): void {
  checkTypesArePlain(btf);
  const problem = headerProblem(btf, size);
  if (problem !== undefined) throw notPlain(problem);
}

function headerProblem({ header, byteLength }: Btf, size: number): string | undefined {
  const { length, flags, layout, types, typeBytes, strings } = header;
  if (length !== HEADER_SIZE)
    return `its header has ${length} bytes, and older ones ${HEADER_SIZE}`;
  if (layout !== undefined) return 'it has a layout section';
  if (flags !== 0) return `its header has the flags ${flags}`;
  if (types !== HEADER_SIZE || strings !== types + typeBytes) {
    return 'there is something between its header, its types and its strings';
  }
  return size === byteLength ? undefined : `${size - byteLength} bytes follow its strings`;
}

function checkTypesArePlain(btf: Btf): void {
  const [opaque] = btf.opaqueKinds.keys();
  if (opaque !== undefined) {
    const known = `${KINDS.length - 1} (${KINDS.at(-1)}) is the last that every consumer knows`;
    throw notPlain(`it has types of kind ${opaque}, and ${known}`);
  }
  if (btf.maxVlen > MAX_VLEN) {
    throw notPlain(`a type has ${btf.maxVlen} elements, and ${MAX_VLEN} is the most`);
  }
}

function notPlain(what: string): Failure {
  return new Failure(
    'bad-btf',
    `This BTF is not in the form that every consumer reads: ${what}.`,
    'Encode it with pahole 1.31, which writes that form.',
  );
}
