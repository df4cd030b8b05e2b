#!/usr/bin/env bash
# Packs a tree as openEuler packs a kernel: by rpmbuild, with its macros.
#
#   pack-kernel.sh --root <folder> --uname <version-release.arch> --to <folder>
#                  [--packages debuginfo|kernel|both] [--payload <macro>] [--file-digest <number>]
#
# --packages     kernel: `kernel`, of <root>/boot and, if it is there, <root>/lib/modules;
#                debuginfo (default): `kernel-debuginfo`, of <root>/usr/lib/debug/lib/modules
# --payload      rpm's _binary_payload: w2.xzdio (default, which is openEuler's), w3.zstdio, w9.gzdio, ...
# --file-digest  rpm's number of the files' digest: 8 is SHA-256 (default), 1 is MD5
# The RPMs are put into the folder <to>.
# SOURCE_DATE_EPOCH is the build's time and the newest a file may be; without it, a fixed day.
set -euo pipefail

fail() { echo "pack-kernel.sh: $*" >&2; exit 2; }

root='' uname='' to='' payload=w2.xzdio packages=debuginfo digest=8
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?}; shift 2 ;;
    --uname) uname=${2:?}; shift 2 ;;
    --to) to=${2:?}; shift 2 ;;
    --packages) packages=${2:?}; shift 2 ;;
    --payload) payload=${2:?}; shift 2 ;;
    --file-digest) digest=${2:?}; shift 2 ;;
    *) fail "unknown option '$1'" ;;
  esac
done
if [ -z "$root" ] || [ -z "$uname" ] || [ -z "$to" ]; then fail '--root, --uname and --to are needed'; fi
[[ $uname =~ ^([^-]+)-(.+)\.([^.]+)$ ]] || fail "'$uname' is not <version>-<release>.<arch>"
version=${BASH_REMATCH[1]} release=${BASH_REMATCH[2]} arch=${BASH_REMATCH[3]}
command -v rpmbuild >/dev/null || fail "rpmbuild is missing: install 'rpm' (apt) or 'rpm-build' (dnf)"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$root" && pwd)
mkdir -p "$to"
# Beside the result, so that moving it there is a rename and a small /tmp is no obstacle.
top=$(mktemp -d "$to/.pack.XXXXXX")
top=$(cd "$top" && pwd)
trap 'rm -rf "$top"' EXIT

defines=(
  --define "_topdir $top" --define "_tmppath $top"
  --define "kernel_version $version" --define "kernel_release $release"
  --define "kernel_payload $payload" --define "kernel_root $root" --define "kernel_file_digest $digest"
)
case $packages in
  kernel) defines+=(--define 'kernel_main 1') ;;
  debuginfo) defines+=(--define 'kernel_debuginfo 1') ;;
  both) defines+=(--define 'kernel_main 1' --define 'kernel_debuginfo 1') ;;
  *) fail '--packages is debuginfo, kernel or both' ;;
esac
[ ! -d "$root/lib/modules" ] || defines+=(--define 'kernel_modules 1')
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1672531200}
log=$top/log
rpmbuild -bb --quiet --target "$arch-linux" "${defines[@]}" "$here/kernel.spec" >"$log" 2>&1 || {
  cat "$log" >&2
  fail "rpmbuild could not pack $uname"
}
for rpm in "$top"/RPMS/"$arch"/*.rpm; do
  touch -d "@$SOURCE_DATE_EPOCH" "$rpm"
  mv "$rpm" "$to/"
done
