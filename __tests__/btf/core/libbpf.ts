import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * libbpf loads an object with a BTF file, and says what it does. With `stand-in` the bpf() system call
 * does nothing and succeeds, but finds no pinned map; every folder is one to pin in; and the BTF file
 * is that of the running kernel. So it needs no rights and no kernel. With `kernel` the verifier of the
 * running kernel judges what libbpf made.
 */
const SOURCE = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <linux/bpf.h>
#include <bpf/libbpf.h>
static int stand_in;
static const char *btf;
static const char *replace(const char *path) {
  return stand_in && !strcmp(path, "/sys/kernel/btf/vmlinux") ? btf : path;
}
FILE *fopen(const char *path, const char *mode) {
  FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
  return real(replace(path), mode);
}
FILE *fopen64(const char *path, const char *mode) {
  FILE *(*real)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen64");
  return real(replace(path), mode);
}
int access(const char *path, int mode) {
  int (*real)(const char *, int) = dlsym(RTLD_NEXT, "access");
  return real(replace(path), mode);
}
int faccessat(int folder, const char *path, int mode, int flags) {
  int (*real)(int, const char *, int, int) = dlsym(RTLD_NEXT, "faccessat");
  return real(folder, replace(path), mode, flags);
}
long syscall(long number, ...) {
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (stand_in && number == __NR_bpf) {
    // No map is pinned, and no kernel module is loaded.
    if (a[0] == BPF_OBJ_GET || a[0] == BPF_BTF_GET_NEXT_ID) return errno = ENOENT, -1;
    int creates = a[0] == BPF_MAP_CREATE || a[0] == BPF_PROG_LOAD || a[0] == BPF_BTF_LOAD;
    return creates ? open("/dev/null", O_RDONLY | O_CLOEXEC) : 0;
  }
  long (*real)(long, ...) = dlsym(RTLD_NEXT, "syscall");
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
int statfs64(const char *path, struct statfs64 *known) {
  int (*real)(const char *, struct statfs64 *) = dlsym(RTLD_NEXT, "statfs64");
  int result = real(path, known);
  if (stand_in) known->f_type = BPF_FS_MAGIC;
  return result;
}
static int print(enum libbpf_print_level level, const char *format, va_list list) {
  return vprintf(format, list);
}
int main(int count, char **args) {
  stand_in = !strcmp(args[1], "stand-in");
  btf = args[3];
  libbpf_set_print(print);
  LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = args[3]);
  struct bpf_object *object = bpf_object__open_file(args[2], &options);
  if (!object) return 3;
  printf("\\nresult %d\\n", bpf_object__load(object));
  return 0;
}
`;

export interface LibbpfVerdict {
  /** `<function> <instruction>` to what libbpf did with it, as `imm 8` or `invalid`. */
  readonly done: ReadonlyMap<string, string>;
  /** Whether CO-RE relocation succeeded; false when libbpf refused the object for it. */
  readonly relocated: boolean;
  /** What bpf_object__load returned. */
  readonly result: number;
  readonly log: string;
}

export type Libbpf = (mode: 'stand-in' | 'kernel', object: string, btf: string) => LibbpfVerdict;

export function buildLibbpf(folder: string): Libbpf {
  const source = join(folder, 'libbpf.c');
  const program = join(folder, 'libbpf');
  writeFileSync(source, SOURCE);
  execFileSync('gcc', ['-rdynamic', '-o', program, source, '-lbpf', '-ldl']);
  return (mode, object, btf) => {
    const { stdout } = spawnSync(program, [mode, object, btf], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    const done = new Map<string, string>();
    const lines =
      /prog '(.+?)': relo #\d+: (?:patched insn #(\d+) \((\S+)\) (imm64|imm|off|mem_sz) \d+ -> (\d+)|substituting insn #(\d+))/g;
    for (const [, name, patched, , what, value, invalid] of stdout.matchAll(lines)) {
      const key = `${name} ${patched ?? invalid}`;
      const before = done.get(key);
      const now = invalid === undefined ? `${what} ${value}` : 'invalid';
      done.set(key, what === 'mem_sz' ? `${before} ${now}` : now);
    }
    const refused = /failed to (relocate|patch|perform CO-RE relocations)/.test(stdout);
    const result = Number(/^result (-?\d+)$/m.exec(stdout)?.[1] ?? Number.NaN);
    return { done, relocated: !refused, result, log: stdout };
  };
}
