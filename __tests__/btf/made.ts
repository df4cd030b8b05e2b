import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemPrograms } from '../../src/platform/programs.ts';

/** Real compilers, pahole, xz and bpftool. */
export const programs = systemPrograms(process.env);

/** A folder of this test file's own; gone when its tests are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let files = 0;

/** Compiles C to an object with DWARF for this machine, and returns its path. */
export function compile(folder: string, source: string, ...args: string[]): string {
  const path = join(folder, `${++files}.c`);
  const object = join(folder, `${files}.o`);
  writeFileSync(path, source);
  execFileSync('gcc', ['-g', '-c', '-o', object, ...args, path]);
  return object;
}

/** Compiles C to an eBPF object with BTF; `-target bpfeb` makes it big-endian. */
export function compileBpf(folder: string, source: string, target: 'bpf' | 'bpfeb'): string {
  const path = join(folder, `${++files}.bpf.c`);
  const object = join(folder, `${files}.bpf.o`);
  writeFileSync(path, source);
  const multiarch = `-I/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;
  const args = ['-g', '-O2', '-target', target, multiarch, '-c', '-o', object, path];
  execFileSync('clang', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return object;
}

/** Raw BTF as pahole makes it of C. */
export function paholeBtf(folder: string, source: string, ...args: string[]): Buffer {
  const object = compile(folder, source);
  const output = `${object}.btf`;
  execFileSync('pahole', [...args, '--btf_encode_detached', output, object]);
  return readFileSync(output);
}

/** What bpftool reads in a file of raw BTF or an ELF file: the types in its own JSON. */
export function bpftoolTypes(path: string): unknown[] {
  const args = ['-j', 'btf', 'dump', 'file', path];
  const json = execFileSync('bpftool', args, { maxBuffer: 1 << 30, encoding: 'utf8' });
  return JSON.parse(json).types;
}

/** A program that has a type of every kind that gcc and pahole make. */
export const EVERY_KIND = `
struct declared;
typedef unsigned long size;
enum small { ZERO, NEGATIVE = -3 };
enum large { HUGE = 0x123456789abcdefULL };
union either { int number; float real; };
struct task_struct {
  const char *volatile comm;
  struct declared *restrict_me;
  struct task_struct *parent;
  union either either;
  struct { unsigned flag : 1; int wide : 17; enum small small : 3; };
  size sizes[3][2];
  _Bool yes;
  double fine;
  enum large large;
  int (*call)(struct task_struct *, const size, ...);
  char rest[];
};
int counter;
static int hidden(struct task_struct *task, char *restrict text) { return task->wide + text[0]; }
int function(struct task_struct *task) { return hidden(task, (char *)task) + counter; }
`;
