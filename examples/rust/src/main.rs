// SPDX-License-Identifier: Apache-2.0

//! Prints each program that starts, on kernels with and without BTF of their own.

mod embedded_btf;

use std::error::Error;
use std::io::{stdout, Write};
use std::thread::sleep;
use std::time::Duration;

use aya::maps::Array;
use aya::programs::RawTracePoint;
use aya::{include_bytes_aligned, EbpfLoader, Pod};

/// What clang made of ../libbpf/hello.bpf.c.
static OBJECT: &[u8] = include_bytes_aligned!("../hello.bpf.o");
/// What `btfhub tailor --object hello.bpf.o` made.
static ARCHIVE: &[u8] = include_bytes!("../min_core_btfs.tar.gz");

/// `struct started` of ../libbpf/hello.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Started {
    pid: i32,
    parent: i32,
    comm: [u8; 16],
}

// SAFETY: it is plain data without padding.
unsafe impl Pod for Started {}

fn main() -> Result<(), Box<dyn Error>> {
    let types = embedded_btf::find(ARCHIVE)?;
    let mut loader = EbpfLoader::new();
    // Without this, where the kernel has BTF of its own, aya uses that.
    if types.is_some() {
        loader.btf(types.as_ref());
    }
    let mut hello = loader.load(OBJECT)?;
    let program: &mut RawTracePoint = hello
        .program_mut("started")
        .ok_or("no program")?
        .try_into()?;
    program.load()?;
    program.attach("sched_process_exec")?;

    let last: Array<_, Started> = Array::try_from(hello.map("last").ok_or("no map")?)?;
    let mut pid = 0;
    loop {
        let it = last.get(&0, 0)?;
        if it.pid != pid {
            pid = it.pid;
            let name = it.comm.split(|&byte| byte == 0).next().unwrap_or_default();
            let name = String::from_utf8_lossy(name);
            writeln!(stdout(), "{name} ({pid}), started by {}", it.parent)?;
        }
        sleep(Duration::from_secs(1));
    }
}
