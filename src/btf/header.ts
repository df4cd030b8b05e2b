import { Failure } from '../failure.ts';
import {
  type ByteOrder,
  ELEMENT_SIZES,
  HEADER_SIZE,
  INFO_SIZES,
  KINDS,
  LAYOUT_HEADER_SIZE,
  MAGIC,
  type TypeLayout,
  VERSION,
} from './format.ts';

/** Where the sections of a BTF file lie: offsets from the beginning of the file, and bytes. */
export interface BtfHeader {
  readonly byteOrder: ByteOrder;
  /** Bytes of the header: 24, and 32 from Linux 7.1 on. */
  readonly length: number;
  readonly flags: number;
  readonly types: number;
  readonly typeBytes: number;
  readonly strings: number;
  readonly stringBytes: number;
  /** The layout section, which says how long the types of each kind are; undefined without one. */
  readonly layout: readonly TypeLayout[] | undefined;
  /** Bytes up to the end of the last section. */
  readonly byteLength: number;
}

/**
 * Reads `struct btf_header` (include/uapi/linux/btf.h) and the layout section, where there is one.
 * Throws `bad-btf` when lengths contradict each other. A split BTF may have no strings of its own.
 */
export function readHeader(view: DataView, isSplit: boolean): BtfHeader {
  const byteOrder = readByteOrder(view);
  const u32 = (at: number) => view.getUint32(at, byteOrder === 'little');
  const version = view.getUint8(2);
  if (version !== VERSION) {
    throw badBtf(`it is of version ${version}, and only ${VERSION} is known`);
  }
  const length = u32(4);
  if (length < HEADER_SIZE) throw badBtf(`its header says it is only ${length} bytes long`);
  if (length > view.byteLength) {
    throw badBtf(`its header says it is ${length} bytes long, and it has ${view.byteLength}`);
  }
  for (let at = LAYOUT_HEADER_SIZE; at < length; at++) {
    if (view.getUint8(at) !== 0) throw badBtf(`byte ${at} of its header has an unknown meaning`);
  }
  const types = length + u32(8);
  const typeBytes = u32(12);
  const strings = length + u32(16);
  const stringBytes = u32(20);
  if (types % 4 !== 0) throw badBtf('its types do not begin at a multiple of four');
  if (types + typeBytes > strings) throw badBtf('its types reach into its strings');
  if (stringBytes === 0 && !isSplit) throw badBtf('it has no table of strings');
  if (strings + stringBytes > view.byteLength) {
    const end = strings + stringBytes;
    throw badBtf(`its header speaks of ${end} bytes, and it has ${view.byteLength}`);
  }
  // A header that ends within the two words of the layout has none.
  const hasLayout = length >= LAYOUT_HEADER_SIZE && u32(28) > 0;
  const layout = hasLayout
    ? readLayout(view, byteOrder, length + u32(24), u32(28), { from: types + typeBytes, strings })
    : undefined;
  const byteLength = Math.max(types + typeBytes, strings + stringBytes);
  const flags = view.getUint8(3);
  return { byteOrder, length, flags, types, typeBytes, strings, stringBytes, layout, byteLength };
}

function readByteOrder(view: DataView): ByteOrder {
  if (view.byteLength < HEADER_SIZE) {
    throw badBtf(`its ${view.byteLength} bytes are fewer than the header's ${HEADER_SIZE}`);
  }
  if (view.getUint16(0, true) === MAGIC) return 'little';
  if (view.getUint16(0, false) === MAGIC) return 'big';
  throw badBtf('it does not begin with the magic number of BTF');
}

/** Bytes of one `struct btf_layout`: info_sz, elem_sz, and 16 bits of flags without a use. */
const ENTRY_SIZE = 4;

function readLayout(
  view: DataView,
  byteOrder: ByteOrder,
  start: number,
  bytes: number,
  between: { readonly from: number; readonly strings: number },
): readonly TypeLayout[] {
  if (start % 4 !== 0 || bytes % ENTRY_SIZE !== 0) {
    throw badBtf('its layout section is not of whole words');
  }
  if (start < between.from || start + bytes > between.strings) {
    throw badBtf('its layout section does not lie between its types and its strings');
  }
  return Array.from({ length: bytes / ENTRY_SIZE }, (_, kind) => {
    const at = start + kind * ENTRY_SIZE;
    const infoSize = view.getUint8(at);
    const elementSize = view.getUint8(at + 1);
    if (infoSize % 4 !== 0 || elementSize % 4 !== 0) {
      throw badBtf(`its layout section gives kind ${kind} a size that is not of whole words`);
    }
    const known = KINDS[kind];
    if (
      known !== undefined &&
      (infoSize !== INFO_SIZES[kind] || elementSize !== ELEMENT_SIZES[kind])
    ) {
      throw badBtf(`its layout section gives kind ${kind} (${known}) another size than the format`);
    }
    return { infoSize, elementSize, flags: view.getUint16(at + 2, byteOrder === 'little') };
  });
}

export function badBtf(what: string, advice?: string): Failure {
  return new Failure('bad-btf', `This is not sound BTF: ${what}.`, advice);
}
