#!/usr/bin/env bash
# Packs a tree as openEuler packs a kernel and its modules: by rpmbuild, with its macros.
#
#   pack-boot-package.sh --root <folder> --version <version> --release <release> --arch <arch> --to <folder>
#                        [--name <name>] [--payload <macro>] [--file-digest <number>]
#
# <root>/boot and <root>/lib/modules are what the package holds; it is put into the folder <to>.
# --name         the package's name (default kernel)
# --payload      rpm's _binary_payload (default w2.xzdio, which is openEuler's)
# --file-digest  rpm's number of the files' digest: 8 is SHA-256 (default), 1 is MD5
# SOURCE_DATE_EPOCH is the build's time and the newest a file may be; without it, a fixed day.
set -euo pipefail

fail() { echo "pack-boot-package.sh: $*" >&2; exit 2; }

root='' version='' release='' arch='' to='' name=kernel payload=w2.xzdio digest=8
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?}; shift 2 ;;
    --version) version=${2:?}; shift 2 ;;
    --release) release=${2:?}; shift 2 ;;
    --arch) arch=${2:?}; shift 2 ;;
    --to) to=${2:?}; shift 2 ;;
    --name) name=${2:?}; shift 2 ;;
    --payload) payload=${2:?}; shift 2 ;;
    --file-digest) digest=${2:?}; shift 2 ;;
    *) fail "unknown option '$1'" ;;
  esac
done
for value in "$root" "$version" "$release" "$arch" "$to"; do
  [ -n "$value" ] || fail '--root, --version, --release, --arch and --to are needed'
done
command -v rpmbuild >/dev/null || fail "rpmbuild is missing: install 'rpm' (apt) or 'rpm-build' (dnf)"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$root" && pwd)
mkdir -p "$to"
top=$(mktemp -d "$to/.pack.XXXXXX")
top=$(cd "$top" && pwd)
trap 'rm -rf "$top"' EXIT

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1672531200}
log=$top/log
rpmbuild -bb --quiet --target "$arch-linux" \
  --define "_topdir $top" --define "_tmppath $top" --define "boot_root $root" --define "boot_name $name" \
  --define "boot_version $version" --define "boot_release $release" \
  --define "boot_payload $payload" --define "boot_file_digest $digest" \
  "$here/kernel-boot.spec" >"$log" 2>&1 || {
  cat "$log" >&2
  fail "rpmbuild could not pack $name $version-$release"
}
for rpm in "$top"/RPMS/"$arch"/*.rpm; do
  touch -d "@$SOURCE_DATE_EPOCH" "$rpm"
  mv "$rpm" "$to/"
done
