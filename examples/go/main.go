// SPDX-License-Identifier: Apache-2.0

// Command hello prints each program that starts, on kernels with and without BTF of their own.
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// What clang made of ../libbpf/hello.bpf.c.
//
//go:embed hello.bpf.o
var object []byte

// What `btfhub tailor --object hello.bpf.o` made.
//
//go:embed min_core_btfs.tar.gz
var archive []byte

// started is struct started of ../libbpf/hello.h.
type started struct {
	Pid    int32
	Parent int32
	Comm   [16]byte
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return fmt.Errorf("read the eBPF object: %w", err)
	}
	// nil, where the kernel has BTF of its own, is cilium/ebpf's default: it looks for that itself.
	types, err := embeddedBTF(archive)
	if err != nil {
		return err
	}
	options := ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{KernelTypes: types}}
	hello, err := ebpf.NewCollectionWithOptions(spec, options)
	if err != nil {
		return fmt.Errorf("load the eBPF program: %w", err)
	}
	defer hello.Close()
	attached, err := link.AttachRawTracepoint(link.RawTracepointOptions{
		Name:    "sched_process_exec",
		Program: hello.Programs["started"],
	})
	if err != nil {
		return fmt.Errorf("attach the eBPF program: %w", err)
	}
	defer attached.Close()
	return watch(hello.Maps["last"])
}

// watch prints each program that is started.
func watch(last *ebpf.Map) error {
	for pid := int32(0); ; time.Sleep(time.Second) {
		var it started
		err := last.Lookup(uint32(0), &it)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read the map: %w", err)
		}
		if err != nil || it.Pid == pid {
			continue
		}
		pid = it.Pid
		name, _, _ := bytes.Cut(it.Comm[:], []byte{0})
		fmt.Printf("%s (%d), started by %d\n", name, it.Pid, it.Parent)
	}
}
