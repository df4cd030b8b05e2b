// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "embedded_btf.h"
#include "hello.h"
#include "hello.skel.h"

int main(void)
{
	char *btf = embedded_btf();
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = btf);
	struct hello_bpf *hello = hello_bpf__open_opts(&options);
	int failed = !hello || hello_bpf__load(hello) || hello_bpf__attach(hello);

	if (btf)
		unlink(btf);
	free(btf);
	if (failed) {
		fprintf(stderr, "The eBPF program cannot be loaded: %s.\n", strerror(errno));
		return 1;
	}
	// Into a pipe or a file too, each line is written at once.
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int pid = 0;; sleep(1)) {
		struct started it;
		__u32 key = 0;

		if (bpf_map_lookup_elem(bpf_map__fd(hello->maps.last), &key, &it) || it.pid == pid)
			continue;
		pid = it.pid;
		printf("%s (%d), started by %d\n", it.comm, it.pid, it.parent);
	}
}
