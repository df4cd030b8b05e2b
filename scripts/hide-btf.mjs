#!/usr/bin/env node
// hide-btf.mjs <vmlinux>: renames the section `.BTF` of an ELF file, in place, so that it is a
// kernel without BTF of its own. objcopy cannot do it: it knows one architecture's relocations, and
// refuses to remove a section that others refer to.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const [path] = process.argv.slice(2);
if (!path) throw new Error('usage: hide-btf.mjs <vmlinux>');
const file = openSync(path, 'r+');

function read(position, length) {
  const bytes = Buffer.alloc(length);
  if (readSync(file, bytes, 0, length, position) !== length) throw new Error(`${path} is cut off`);
  return bytes;
}

const header = read(0, 64);
if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') {
  throw new Error(`${path} is not a little-endian ELF file of 64 bits`);
}
const count = header.readUInt16LE(60);
const table = read(Number(header.readBigUInt64LE(40)), count * 64);
const sections = Array.from({ length: count }, (_, index) => {
  const entry = table.subarray(index * 64, index * 64 + 64);
  return {
    name: entry.readUInt32LE(0),
    offset: Number(entry.readBigUInt64LE(24)),
    size: Number(entry.readBigUInt64LE(32)),
  };
});
const strings = sections[header.readUInt16LE(62)];
const names = read(strings.offset, strings.size).toString('latin1');
const btf = sections.filter(({ name }) => names.startsWith('.BTF\0', name));
if (btf.length !== 1) throw new Error(`${path} has ${btf.length} sections named .BTF`);
// A longer name may end in these very bytes (`.rela.BTF`); it would change as well, to no harm.
writeSync(file, Buffer.from('.old\0', 'latin1'), 0, 5, strings.offset + btf[0].name);
closeSync(file);
