// SPDX-License-Identifier: Apache-2.0
#include "embedded_btf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#ifndef OS_RELEASE
#define OS_RELEASE "/etc/os-release"
#define OWN_BTF "/sys/kernel/btf/vmlinux"
#endif

// Named by `ld -r -b binary` after the file.
extern const unsigned char _binary_min_core_btfs_tar_gz_start[];
extern const unsigned char _binary_min_core_btfs_tar_gz_end[];

// The value of a variable of os-release(5), without its quotes.
static int os_release(const char *name, char *value, size_t size)
{
	size_t length = strlen(name);
	char line[256];
	int found = 0;
	FILE *file = fopen(OS_RELEASE, "r");

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) || line[length] != '=')
			continue;
		char *start = line + length + 1;
		start += strspn(start, "\"'");
		start[strcspn(start, "\"'\r\n")] = '\0';
		snprintf(value, size, "%s", start);
		found = 1;
	}
	if (file)
		fclose(file);
	return found;
}

// The tar in the gzip; its length stands in the last four bytes (RFC 1952).
static unsigned char *unpack(size_t *size)
{
	const unsigned char *packed = _binary_min_core_btfs_tar_gz_start;
	// To the compiler these are two objects, whose pointers have no difference.
	size_t length = (uintptr_t)_binary_min_core_btfs_tar_gz_end - (uintptr_t)packed;
	z_stream stream = { .next_in = (unsigned char *)packed, .avail_in = length };
	const unsigned char *last = packed + length - 4;

	*size = last[0] | last[1] << 8 | last[2] << 16 | (size_t)last[3] << 24;
	unsigned char *tar = malloc(*size);
	if (!tar || inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
		return tar;
	stream.next_out = tar;
	stream.avail_out = *size;
	int result = inflate(&stream, Z_FINISH);
	inflateEnd(&stream);
	if (result == Z_STREAM_END)
		return tar;
	free(tar);
	return NULL;
}

// A file of a tar in ustar's format, by its whole name.
static const unsigned char *find(const unsigned char *tar, size_t size, const char *wanted, size_t *length)
{
	for (size_t at = 0; at + 512 <= size && tar[at];) {
		const char *header = (const char *)tar + at;
		char name[300];

		snprintf(name, sizeof(name), "%.155s%s%.100s", header + 345, header[345] ? "/" : "", header);
		*length = strtoul(header + 124, NULL, 8);
		if (!strcmp(name, wanted) && *length <= size - at - 512)
			return tar + at + 512;
		at += 512 + (*length + 511) / 512 * 512;
	}
	return NULL;
}

static char *write_temporary(const unsigned char *bytes, size_t length)
{
	char path[] = "/tmp/btf.XXXXXX";
	int file = mkstemp(path);

	if (file < 0)
		return NULL;
	int good = write(file, bytes, length) == (ssize_t)length;
	close(file);
	if (good)
		return strdup(path);
	unlink(path);
	return NULL;
}

char *embedded_btf(void)
{
	struct utsname machine;
	char id[64], version[64], wanted[300];
	size_t size, length;
	char *path = NULL;

	if (!access(OWN_BTF, R_OK))
		return NULL;
	errno = ENOENT;
	if (uname(&machine) || !os_release("ID", id, sizeof(id)) ||
	    !os_release("VERSION_ID", version, sizeof(version)))
		return NULL;
	snprintf(wanted, sizeof(wanted), "./btfhub-archive/%s/%s/%s/%s.btf", id, version, machine.machine,
		 machine.release);
	unsigned char *tar = unpack(&size);
	const unsigned char *btf = tar ? find(tar, size, wanted, &length) : NULL;
	if (btf)
		path = write_temporary(btf, length);
	else
		errno = ENOENT;
	free(tar);
	return path;
}
