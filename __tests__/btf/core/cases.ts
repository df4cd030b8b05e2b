/** Sources of small kernels; pahole makes their BTF. */
export const KERNELS: Readonly<Record<string, string>> = {
  base: `
    enum mode { OFF, ON = 5, LAST = -1 };
    enum wide { SMALL = 1, LARGE = 0x100000000ULL };
    union both { int number; char text[16]; };
    struct inner { long first; short numbers[4]; struct { int deep; }; };
    typedef unsigned int counter;
    typedef int (*callback)(struct inner *, int);
    struct list { struct list *next, *prev; };
    struct task {
      int pid; unsigned char state; struct task *parent; struct inner inner; enum mode mode;
      unsigned flags : 3; int sign : 5; unsigned long long wide : 40; unsigned last : 1;
      union { int either; long or; }; char comm[16]; const volatile counter count; union both both;
      unsigned short port; struct list list; callback call; enum wide wide_mode; void *data; long tail[];
    } t;
  `,
  moved: `
    enum mode { ON = 7, OFF = 2, LAST = 9 };
    enum wide { LARGE = 0x200000000ULL, SMALL = 3 };
    union both { char text[32]; int number; };
    struct inner { char pad[40]; struct { int deep; }; short numbers[9]; long first; };
    typedef unsigned int counter;
    typedef int (*callback)(struct inner *, int);
    struct list { struct list *prev, *next; };
    struct task {
      char pad[300]; struct list list; union both both; char comm[32]; struct inner inner; unsigned port;
      unsigned last : 1; int sign : 7; unsigned flags : 9; unsigned long long wide : 33;
      struct { union { long or; int either; }; }; enum mode mode; const volatile unsigned long count;
      int pid; unsigned state; struct task *parent; callback call; enum wide wide_mode; void *data; long tail[];
    } t;
  `,
  poor: `
    enum mode { OFF };
    struct inner { int first; short numbers[2]; };
    struct task { long pid; struct inner *parent; struct inner inner; int mode; char comm; int comm_len; long flags; } t;
  `,
  twice: `
    struct other { int x; };
    struct task___a { int pid; struct other *parent; char comm[16]; };
    struct task { int pid; struct task *parent; char comm[16]; int own; };
    struct task___b { char pad[8]; int pid; char comm[16]; };
    struct task a; struct task___a b; struct task___b c;
  `,
  empty: 'struct nothing { int here; } t; ',
};

const HEAD = `
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#define CORE __attribute__((preserve_access_index))
char LICENSE[] SEC("license") = "GPL";
long out;
enum mode { OFF, ON = 5, LAST = -1 };
enum wide { SMALL = 1, LARGE = 0x100000000ULL };
union both { int number; char text[16]; } CORE;
struct inner { long first; short numbers[4]; struct { int deep; }; } CORE;
typedef unsigned int counter;
typedef int (*callback)(struct inner *, int);
struct list { struct list *next, *prev; } CORE;
struct task {
  int pid; unsigned char state; struct task *parent; struct inner inner; enum mode mode;
  unsigned flags : 3; int sign : 5; unsigned long long wide : 40; unsigned last : 1;
  union { int either; long or; }; char comm[16]; const volatile counter count; union both both;
  unsigned short port; struct list list; callback call; enum wide wide_mode; void *data; long tail[];
} CORE;
struct task___old { int pid; int vanished; } CORE;
struct absent { int field; } CORE;
`;

const program = (body: string, more = '') =>
  `${HEAD}${more}\nSEC("raw_tp/x") int program(struct task *t) {\n${body}\nreturn 0; }\n`;

/** eBPF programs with every kind of CO-RE relocation. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  fields: program(`
    out += BPF_CORE_READ(t, pid) + BPF_CORE_READ(t, state) + BPF_CORE_READ(t, parent, parent, pid);
    out += BPF_CORE_READ(t, inner.first) + BPF_CORE_READ(t, inner.deep) + BPF_CORE_READ(t, count);
    out += BPF_CORE_READ(t, list.prev, next, prev) != 0;`),
  anonymous: program('out += BPF_CORE_READ(t, either) + BPF_CORE_READ(t, or);'),
  union: program('out += BPF_CORE_READ(t, both.number) + BPF_CORE_READ(t, both.text[3]);'),
  arrays: program('out += BPF_CORE_READ(t, inner.numbers[3]) + BPF_CORE_READ(t, comm[7]);'),
  flexible: program('out += BPF_CORE_READ(t, tail[2]) + BPF_CORE_READ(t, tail[0]);'),
  element: program('out += BPF_CORE_READ(&t[1], pid);'),
  bitfields: program(`
    out += BPF_CORE_READ_BITFIELD_PROBED(t, flags) + BPF_CORE_READ_BITFIELD_PROBED(t, sign);
    out += BPF_CORE_READ_BITFIELD_PROBED(t, wide) + BPF_CORE_READ_BITFIELD_PROBED(t, last);`),
  direct: program('out += t->pid + t->port + (long)t->parent + t->count;'),
  sizes: program(`
    out += bpf_core_field_size(t->comm) + bpf_core_field_size(t->inner) + bpf_core_field_size(t->pid);
    out += bpf_core_field_offset(t->comm);
    out += bpf_core_type_size(struct inner) + bpf_core_type_size(struct absent);`),
  existence: program(`
    out += bpf_core_field_exists(t->pid) + bpf_core_field_exists(t->inner.numbers[3]);
    out += bpf_core_field_exists(struct task___old, vanished) * 2 + bpf_core_field_exists(t->tail);
    out += bpf_core_type_exists(struct inner) + bpf_core_type_exists(struct absent) + bpf_core_type_exists(callback);
    out += bpf_core_enum_value_exists(enum mode, ON) + bpf_core_enum_value_exists(enum wide, LARGE);
    out += bpf_core_type_exists(counter) + bpf_core_type_exists(enum mode) + bpf_core_type_exists(union both);`),
  enumerators: program(`
    out += bpf_core_enum_value(enum mode, ON) + bpf_core_enum_value(enum mode, LAST);
    out += bpf_core_enum_value(enum wide, SMALL);`),
  // clang 14 cuts the value off in its BTF but not in the instruction, and libbpf refuses that.
  'wide enumerators': program('out += bpf_core_enum_value(enum wide, LARGE);'),
  types: program(`
    out += bpf_core_type_id_local(struct inner) + bpf_core_type_id_kernel(struct task);
    out += bpf_core_type_id_kernel(struct absent);`),
  // Debian 12's clang cannot write type_matches; the test changes type_exists into it.
  matches: program(`
    out += bpf_core_type_exists(struct inner) + bpf_core_type_exists(struct list);
    out += bpf_core_type_exists(enum mode) + bpf_core_type_exists(callback) + bpf_core_type_exists(counter);
    out += bpf_core_type_exists(struct task___old) + bpf_core_type_exists(union both);
    out += bpf_core_type_exists(struct absent) + bpf_core_type_exists(struct task);`),
  flavour: program(`
    struct task___old *old = (void *)t;
    out += bpf_core_field_exists(old->vanished) ? BPF_CORE_READ(old, vanished) : BPF_CORE_READ(t, port);`),
  missing: program('out += BPF_CORE_READ((struct absent *)t, field);'),
  guarded: program(`
    struct absent *a = (void *)t;
    if (bpf_core_type_exists(struct absent)) out += BPF_CORE_READ(a, field);
    if (bpf_core_field_exists(t->tail) && out > 3) out += BPF_CORE_READ(t, tail[0]);
    if (bpf_core_enum_value_exists(enum mode, ON)) out += bpf_core_enum_value(enum mode, ON);
    if (bpf_core_type_size(struct inner) > 20) out += BPF_CORE_READ(t, inner.deep);`),
  'guarded the wrong way round': program(
    'if (!bpf_core_field_exists(t->port)) out += BPF_CORE_READ(t, port);',
  ),
  'guarded across a helper': program(`
    char has = bpf_core_field_exists(t->inner.deep), buffer[24];
    out += bpf_get_current_comm(buffer, sizeof(buffer)) + buffer[2];
    out += bpf_ktime_get_ns();
    if (has) out += BPF_CORE_READ(t, inner.deep);`),
  'guarded by a function': program(
    'if (has(t)) out += BPF_CORE_READ(t, port);',
    'static __attribute__((noinline)) int has(struct task *t) { return bpf_core_field_exists(t->port); }',
  ),
  'guarded by a function through a pointer': program(
    'int has = 1; ask(t, &has); if (has) out += BPF_CORE_READ(t, port);',
    'static __attribute__((noinline)) void ask(struct task *t, int *has) { *has = bpf_core_field_exists(t->port); }',
  ),
  'guarded by a function two calls deep': program(
    'struct answers it = { .port = 1 }; ask(t, &it); read_port(t, &it);',
    `struct answers { long pid, port; };
    static __attribute__((noinline)) void set(struct task *t, long *has) { *has = bpf_core_field_exists(t->port); }
    static __attribute__((noinline)) void ask(struct task *t, struct answers *it) { it->pid = bpf_core_field_exists(t->pid); set(t, &it->port); }
    static __attribute__((noinline)) void read_port(struct task *t, struct answers *it) { if (it->port) out += BPF_CORE_READ(t, port); }`,
  ),
  'guarded for one call of a function and not for another': program(
    `struct answers guarded = { .port = bpf_core_field_exists(t->port) }, open = { .port = 1 };
    read_port(t, &guarded);
    read_port(t, &open);`,
    `struct answers { long pid, port; };
    static __attribute__((noinline)) void read_port(struct task *t, struct answers *it) { if (it->port) out += BPF_CORE_READ(t, port); }`,
  ),
  'asked by a function that says yes': program(
    'int has = bpf_core_field_exists(t->port); ask(t, &has); if (has) out += BPF_CORE_READ(t, port);',
    'static __attribute__((noinline)) void ask(struct task *t, int *has) { out += *has; *has = 1; }',
  ),
  'guarded in a callback': program(
    'struct context it = { t, bpf_core_field_exists(t->port) }; bpf_loop(2, each, &it, 0);',
    `struct context { struct task *task; long has; };
    static long each(__u32 i, void *data) { struct context *it = data; if (it->has) out += BPF_CORE_READ(it->task, port); return 0; }`,
  ),
  'asked by a callback that says yes': program(
    'struct context it = { t, bpf_core_field_exists(t->port) }; bpf_loop(2, each, &it, 0); if (it.has) out += BPF_CORE_READ(t, port);',
    `struct context { struct task *task; long has; };
    static long each(__u32 i, void *data) { struct context *it = data; it->has = 1; return 0; }`,
  ),
  'guarded by a flag on the stack': program(`
    volatile int has = bpf_core_field_exists(t->port);
    if (has) out += BPF_CORE_READ(t, port);`),
  'guarded by the version': program(
    'if (LINUX_KERNEL_VERSION >= 0x7f0000) out += BPF_CORE_READ(t, port);',
    'extern int LINUX_KERNEL_VERSION __kconfig;',
  ),
  'guarded by a constant': program(
    'if (wanted) out += BPF_CORE_READ(t, port);',
    'const volatile int wanted = 0;',
  ),
  'not guarded by a constant': program(
    'if (wanted) out += BPF_CORE_READ(t, port);',
    'const volatile int wanted = 3;',
  ),
  'in a function': program(
    'out += read_port(t);',
    'static __attribute__((noinline)) int read_port(struct task *t) { return BPF_CORE_READ(t, port); }',
  ),
  'in a function that nothing reaches': program(
    'if (bpf_core_field_exists(t->port)) out += read_port(t);',
    'static __attribute__((noinline)) int read_port(struct task *t) { return BPF_CORE_READ(t, port); }',
  ),
  'in a callback': program(
    'bpf_loop(2, each, &t, 0);',
    'static long each(__u32 i, void *data) { out += BPF_CORE_READ(*(struct task **)data, port); return 0; }',
  ),
  'in a loop': program(
    'for (int i = 0; i < 7; i++) { out += bpf_get_prandom_u32(); if (out == 5 && bpf_core_field_exists(t->port)) out += BPF_CORE_READ(t, port); }',
  ),
};

/** A program for real kernels, old and new: fields, a bitfield, an array, an enumerator, a guarded flavour. */
export const TASKS_AND_SOCKETS = `
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#define CORE __attribute__((preserve_access_index))
char LICENSE[] SEC("license") = "GPL";
long out;
struct mm_struct { unsigned long total_vm; } CORE;
struct task_struct { int pid, tgid; char comm[16]; struct task_struct *real_parent; struct mm_struct *mm; unsigned in_execve : 1; } CORE;
struct task_struct___old { long state; } CORE;
struct task_struct___new { unsigned __state; } CORE;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID };
struct sock_common { unsigned short skc_family; unsigned char skc_state; } CORE;
struct sock { struct sock_common __sk_common; unsigned sk_protocol : 8; } CORE;
SEC("raw_tp/x") int tasks(struct task_struct *t) {
  out += BPF_CORE_READ(t, real_parent, tgid) + BPF_CORE_READ(t, mm, total_vm) + BPF_CORE_READ(t, comm[3]);
  out += BPF_CORE_READ_BITFIELD_PROBED(t, in_execve) + bpf_core_enum_value(enum pid_type, PIDTYPE_TGID);
  struct task_struct___new *n = (void *)t;
  struct task_struct___old *o = (void *)t;
  out += bpf_core_field_exists(n->__state) ? BPF_CORE_READ(n, __state) : BPF_CORE_READ(o, state);
  return 0; }
SEC("raw_tp/y") int socks(struct sock *s) {
  out += BPF_CORE_READ(s, __sk_common.skc_family) + BPF_CORE_READ_BITFIELD_PROBED(s, sk_protocol);
  return 0; }
`;
