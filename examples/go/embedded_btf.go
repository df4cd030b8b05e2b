// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// Variables, so that a test can set them with -ldflags -X.
var (
	ownBTF    = "/sys/kernel/btf/vmlinux"
	osRelease = "/etc/os-release"
)

// embeddedBTF returns the BTF of the running kernel out of a min_core_btfs.tar.gz. It is nil when the
// kernel has BTF of its own, and an error when the archive has none for this kernel.
func embeddedBTF(archive []byte) (*btf.Spec, error) {
	if _, err := os.Stat(ownBTF); err == nil {
		return nil, nil
	}
	name, err := nameOfKernel()
	if err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("read the embedded BTF: %w", err)
	}
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("there is no BTF for this kernel: %s", name)
		}
		if err != nil {
			return nil, fmt.Errorf("read the embedded BTF: %w", err)
		}
		if strings.TrimPrefix(entry.Name, "./btfhub-archive/") != name {
			continue
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			return nil, fmt.Errorf("read the embedded BTF: %w", err)
		}
		return btf.LoadSpecFromReader(bytes.NewReader(content))
	}
}

// nameOfKernel returns <ID>/<VERSION_ID>/<uname -m>/<uname -r>.btf of the running kernel.
func nameOfKernel() (string, error) {
	var machine unix.Utsname
	if err := unix.Uname(&machine); err != nil {
		return "", fmt.Errorf("uname: %w", err)
	}
	content, err := os.ReadFile(osRelease)
	if err != nil {
		return "", err
	}
	values := map[string]string{}
	for _, line := range strings.Split(string(content), "\n") {
		if key, value, found := strings.Cut(line, "="); found {
			values[key] = strings.Trim(value, "\"' \r")
		}
	}
	arch := unix.ByteSliceToString(machine.Machine[:])
	release := unix.ByteSliceToString(machine.Release[:])
	return fmt.Sprintf("%s/%s/%s/%s.btf", values["ID"], values["VERSION_ID"], arch, release), nil
}
