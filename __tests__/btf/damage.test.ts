import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { checkBtf } from '../../src/btf/check.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { readBtf } from '../../src/btf/load.ts';
import { Failure } from '../../src/failure.ts';
import { compileBpf, EVERY_KIND, paholeBtf, temporaryFolder } from './made.ts';

const folder = temporaryFolder();
const raw = paholeBtf(folder, EVERY_KIND, '--btf_gen_floats');
const elf = readFileSync(compileBpf(folder, EVERY_KIND, 'bpf'));
const ABSURD = [0xffffffff, 0x80000000, 0x7fffffff, 0x00ffffff, 0x10000, 1, 0];

/** Either it is sound, or there is a Failure that says why it is not; never anything else. */
function survives(bytes: Uint8Array): 'sound' | 'bad' {
  try {
    checkBtf(bytes, { kind: 'any' });
    return 'sound';
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    expect(thrown.reason).toBe('bad-btf');
    return 'bad';
  }
}

async function elfSurvives(bytes: Uint8Array): Promise<void> {
  try {
    survives(await readBtf(bytesSource('damaged.o', Buffer.from(bytes))));
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    expect(['bad-elf', 'bad-btf']).toContain(thrown.reason);
  }
}

const changed = (bytes: Buffer, at: number, value: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = value;
  return copy;
};

test('BTF that is cut off after any byte is bad', () => {
  expect(survives(raw)).toBe('sound');
  for (let length = 0; length < raw.length; length++) {
    expect(survives(raw.subarray(0, length))).toBe('bad');
  }
});

test('BTF with any one byte changed is sound or named', () => {
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at] ?? 0;
    for (const value of [byte ^ 0xff, byte ^ 1, byte ^ 0x80, 0]) survives(changed(raw, at, value));
  }
});

test('BTF with any word replaced by an absurd one is sound or named', () => {
  for (let at = 0; at + 4 <= raw.length; at += 4) {
    for (const value of ABSURD) {
      const copy = Buffer.from(raw);
      copy.writeUInt32LE(value, at);
      survives(copy);
    }
  }
});

test('BTF with many bytes changed, and bytes of any kind, are sound or named', () => {
  const damage = fc.array(fc.tuple(fc.nat(raw.length - 1), fc.nat(255)), { maxLength: 30 });
  fc.assert(
    fc.property(damage, (changes) => {
      const copy = Buffer.from(raw);
      for (const [at, value] of changes) copy[at] = value;
      survives(copy);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      survives(Buffer.concat([raw.subarray(0, 24), bytes]));
      survives(bytes);
    }),
    { numRuns: 3000 },
  );
});

test('an ELF file that is cut off or has any byte changed is read or named', async () => {
  for (let length = 0; length < elf.length; length += 3) await elfSurvives(elf.subarray(0, length));
  for (let at = 0; at < elf.length; at++) {
    await elfSurvives(changed(elf, at, (elf[at] ?? 0) ^ 0xff));
  }
});

test('an ELF file with absurd numbers in its tables is read or named', async () => {
  const table = Number(elf.readBigUInt64LE(40));
  const places = [...words(0, 64), ...words(table, elf.length)];
  for (const at of places) {
    for (const value of ABSURD) {
      const copy = Buffer.from(elf);
      copy.writeUInt32LE(value, at);
      await elfSurvives(copy);
    }
  }
});

function words(from: number, to: number): number[] {
  return Array.from({ length: Math.floor((to - from) / 4) }, (_, index) => from + index * 4);
}
