// SPDX-License-Identifier: GPL-2.0
// Keeps the program that was started last. No global variables: Linux 4.19 has none for eBPF.
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "hello.h"

char LICENSE[] SEC("license") = "GPL";

// Of the kernel's own structs only what is read; CO-RE finds where it is on each kernel.
struct task_struct {
	int tgid;
	struct task_struct *real_parent;
	char comm[16];
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct started);
} last SEC(".maps");

SEC("raw_tp/sched_process_exec")
int started(struct bpf_raw_tracepoint_args *args)
{
	struct task_struct *task = (struct task_struct *)args->args[0];
	struct started it = {};
	__u32 key = 0;

	it.pid = BPF_CORE_READ(task, tgid);
	it.parent = BPF_CORE_READ(task, real_parent, tgid);
	BPF_CORE_READ_STR_INTO(&it.comm, task, comm);
	bpf_map_update_elem(&last, &key, &it, BPF_ANY);
	return 0;
}
