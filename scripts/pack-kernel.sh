#!/usr/bin/env bash
# Packs a tree as openEuler packs a kernel's debug information: by rpmbuild, with its macros.
#
#   pack-kernel.sh --root <folder> --uname <version-release.arch> --to <folder> [--payload <macro>] [--main]
#
# <root>/usr/lib/debug/lib/modules/<uname> is what kernel-debuginfo will hold; with --main there is
# also a package `kernel`, of <root>/boot/config-<uname>. The RPMs are put into the folder <to>.
# --payload is rpm's _binary_payload: w2.xzdio (openEuler's), w3.zstdio, w9.gzdio, ...
# SOURCE_DATE_EPOCH is the build's time and the newest a file may be; without it, a fixed day.
set -euo pipefail

fail() { echo "pack-kernel.sh: $*" >&2; exit 2; }

root='' uname='' to='' payload=w2.xzdio main=0
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=${2:?}; shift 2 ;;
    --uname) uname=${2:?}; shift 2 ;;
    --to) to=${2:?}; shift 2 ;;
    --payload) payload=${2:?}; shift 2 ;;
    --main) main=1; shift ;;
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
  --define "kernel_payload $payload" --define "kernel_root $root"
)
[ "$main" = 0 ] || defines+=(--define 'kernel_main 1')
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1672531200}
log=$top/log
rpmbuild -bb --quiet --target "$arch-linux" "${defines[@]}" "$here/kernel-debuginfo.spec" >"$log" 2>&1 || {
  cat "$log" >&2
  fail "rpmbuild could not pack $uname"
}
for rpm in "$top"/RPMS/"$arch"/*.rpm; do
  touch -d "@$SOURCE_DATE_EPOCH" "$rpm"
  mv "$rpm" "$to/"
done
