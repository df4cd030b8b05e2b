// SPDX-License-Identifier: Apache-2.0

use std::error::Error;
use std::fs::read_to_string;
use std::io::Read;
use std::path::Path;

use aya::{Btf, Endianness};
use flate2::read::GzDecoder;

/// A test can set these when it builds the program.
const OWN_BTF: &str = match option_env!("OWN_BTF") {
    Some(path) => path,
    None => "/sys/kernel/btf/vmlinux",
};
const OS_RELEASE: &str = match option_env!("OS_RELEASE") {
    Some(path) => path,
    None => "/etc/os-release",
};

/// The BTF of the running kernel, out of a min_core_btfs.tar.gz: `None` when the kernel has BTF of its
/// own, and an error when the archive has none for this kernel.
pub fn find(archive: &[u8]) -> Result<Option<Btf>, Box<dyn Error>> {
    if Path::new(OWN_BTF).exists() {
        return Ok(None);
    }
    let wanted = name_of_kernel()?;
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = path.strip_prefix("./btfhub-archive/").unwrap_or(&path);
        if name != wanted {
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        return Ok(Some(Btf::parse(&content, Endianness::default())?));
    }
    Err(format!("there is no BTF for this kernel: {wanted}").into())
}

/// `<ID>/<VERSION_ID>/<uname -m>/<uname -r>.btf` of the running kernel.
fn name_of_kernel() -> Result<String, Box<dyn Error>> {
    let os_release = read_to_string(OS_RELEASE)?;
    let value = |name: &str| {
        let mut pairs = os_release.lines().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let id = value("ID").ok_or("os-release has no ID")?;
    let version = value("VERSION_ID").ok_or("os-release has no VERSION_ID")?;
    let machine = rustix::system::uname();
    let (arch, release) = (machine.machine().to_str()?, machine.release().to_str()?);
    Ok(format!("{id}/{version}/{arch}/{release}.btf"))
}
