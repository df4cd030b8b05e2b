// SPDX-License-Identifier: Apache-2.0
#ifndef EMBEDDED_BTF_H
#define EMBEDDED_BTF_H

// The BTF of the running kernel, out of the min_core_btfs.tar.gz that is linked into the program:
// the path of a temporary file for bpf_object_open_opts.btf_custom_path, to be removed with unlink()
// and free() when the object is loaded. NULL when the kernel has BTF of its own, which libbpf finds by
// itself, and, with errno set, when there is none for this kernel.
char *embedded_btf(void);

#endif
