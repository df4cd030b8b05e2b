import { createHash } from 'node:crypto';

/** A package as its header describes it; its payload is filler of that many bytes. */
export interface TinyRpm {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
  readonly epoch?: number;
  readonly builtAt?: number;
  readonly filler?: number;
}

const INT32 = 4;
const STRING = 6;
const STRING_ARRAY = 8;
const I18N_STRING = 9;

/**
 * The smallest file that librpm, and so createrepo_c, reads as a binary package: rpmbuild takes a
 * fifth of a second for one, and these tests need thousands. Nothing in it is for installing.
 */
export function tinyRpm(rpm: TinyRpm): Buffer {
  const lead = Buffer.alloc(96);
  lead.writeUInt32BE(0xedabeedb, 0);
  lead.writeUInt8(3, 4);
  lead.write(`${rpm.name}-${rpm.version}-${rpm.release}`.slice(0, 65), 10, 'latin1');
  lead.writeUInt16BE(1, 76);
  lead.writeUInt16BE(5, 78);
  const main = header([
    [100, STRING_ARRAY, ['C']],
    [1000, STRING, [rpm.name]],
    [1001, STRING, [rpm.version]],
    [1002, STRING, [rpm.release]],
    ...(rpm.epoch === undefined ? [] : [[1003, INT32, [rpm.epoch]] as Tag]),
    [1004, I18N_STRING, [`Summary of ${rpm.name}`]],
    [1005, I18N_STRING, [`Debug information & <more> of ${rpm.name}`]],
    [1006, INT32, [rpm.builtAt ?? 1_600_000_000]],
    [1009, INT32, [rpm.filler ?? 0]],
    [1014, STRING, ['GPL-2.0']],
    [1016, I18N_STRING, ['Development/Debug']],
    [1021, STRING, ['linux']],
    [1022, STRING, [rpm.arch]],
    [1044, STRING, [`${rpm.name}-${rpm.version}-${rpm.release}.src.rpm`]],
    [1064, STRING, ['4.18.0']],
    [1124, STRING, ['cpio']],
    [1125, STRING, ['xz']],
    [1126, STRING, ['2']],
  ]);
  const payload = Buffer.alloc(rpm.filler ?? 0, rpm.version);
  const signature = header([
    [273, STRING, [createHash('sha256').update(main).digest('hex')]],
    [1000, INT32, [main.length + payload.length]],
  ]);
  const padding = Buffer.alloc((8 - (signature.length % 8)) % 8);
  return Buffer.concat([lead, signature, padding, main, payload]);
}

type Tag = readonly [tag: number, type: number, values: readonly (string | number)[]];

function header(tags: readonly Tag[]): Buffer {
  const index: Buffer[] = [];
  let store = Buffer.alloc(0);
  for (const [tag, type, values] of tags) {
    if (type === INT32) store = Buffer.concat([store, Buffer.alloc((4 - (store.length % 4)) % 4)]);
    const entry = Buffer.alloc(16);
    for (const [at, word] of [tag, type, store.length, values.length].entries()) {
      entry.writeUInt32BE(word, at * 4);
    }
    index.push(entry);
    for (const value of values) {
      const bytes = typeof value === 'number' ? Buffer.alloc(4) : Buffer.from(`${value}\0`);
      if (typeof value === 'number') bytes.writeUInt32BE(value);
      store = Buffer.concat([store, bytes]);
    }
  }
  const intro = Buffer.from([0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  intro.writeUInt32BE(tags.length, 8);
  intro.writeUInt32BE(store.length, 12);
  return Buffer.concat([intro, ...index, store]);
}
