#!/usr/bin/env bash
# Makes a mirror of openEuler's shape out of real kernels, for tests and the benchmark, and prints
# the folder to serve: <folder>/openEuler-24.03-LTS/{debuginfo,update}/<arch>/{Packages,repodata}.
#
#   make-kernel-repository.sh [--kernel <series>-<arch>]... [--modules none|two|some|all]
#                             [--payload <macro>] [--without-btf]
#
# The kernels are Debian's, whose linux-image-*-dbg packages hold vmlinux with all its DWARF:
#   series 5.10 (bullseye), 6.1 (bookworm), 6.12 (trixie), 6.12-backports (bookworm-backports);
#   arch amd64 or arm64. The newest of a series is taken, in the cloud flavour; <series>-full-<arch> is
#   the one with all drivers. Default: 6.1-amd64.
# --modules      how many of its modules stand beside vmlinux (default two); some: as many as make a package as large
#                as openEuler's of 6.1-full-amd64
# --payload      rpm's _binary_payload (default w2.xzdio, which is openEuler's)
# --without-btf  hide vmlinux's own .BTF, as 4.19 kernels have none
#
# Everything is made once and kept under ${XDG_CACHE_HOME:-~/.cache}/btfhub/test-kernels; remove
# that folder to get newer kernels.
set -euo pipefail

say() { echo "make-kernel-repository.sh: $*" >&2; }
fail() { say "$*"; exit 2; }

release=24.03-LTS
kernels=() modules=two payload=w2.xzdio btf=own
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernels+=("${2:?}"); shift 2 ;;
    --modules) modules=${2:?}; shift 2 ;;
    --payload) payload=${2:?}; shift 2 ;;
    --without-btf) btf=hidden; shift ;;
    *) fail "unknown option '$1'" ;;
  esac
done
[ "${#kernels[@]}" -gt 0 ] || kernels=(6.1-amd64)
[[ $modules =~ ^(none|two|some|all)$ ]] || fail "--modules is none, two, some or all"
[[ $payload =~ ^w[0-9T.]+[a-z]+io$ ]] || fail "'$payload' is not a payload macro of rpm, such as w2.xzdio"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/btfhub/test-kernels
mkdir -p "$cache/debs" "$cache/rpms" "$cache/mirrors"
. "$here/debian-kernels.sh"

# Takes vmlinux and the wanted modules out of Debian's package, to where openEuler has them.
unpack() { # deb root folder-of-openEuler
  local wanted=('./usr/lib/debug/boot/vmlinux-*') ko folder
  case $modules in
    two) wanted+=('*/kernel/fs/fuse/cuse.ko' '*/kernel/fs/isofs/isofs.ko') ;;
    some) wanted+=("${SOME_MODULES[@]}") ;;
    all) wanted+=('*.ko') ;;
  esac
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards "${wanted[@]}"
  folder=$(echo "$2"/usr/lib/debug/lib/modules/*/kernel)
  mkdir -p "$3"
  mv "$2"/usr/lib/debug/boot/vmlinux-* "$3/vmlinux"
  rmdir "$2/usr/lib/debug/boot"
  if [ -d "$folder" ]; then
    mv "$folder" "$3/kernel"
    find "$2/usr/lib/debug/lib/modules" -mindepth 1 -maxdepth 1 ! -path "$3" -exec rm -r {} +
    find "$3/kernel" -name '*.ko' -print0 | while IFS= read -r -d '' ko; do mv "$ko" "$ko.debug"; done
  fi
}

# Packs one kernel in one shape, once.
pack() { # kernel: sets $rpms to the folder its RPM is in
  local kernel=$1 suite arch machine flavour deb version root uname
  know "$kernel"
  [ "$suite" != forky ] || fail "$kernel is for make-boot-repository.sh: its vmlinux lies elsewhere"
  rpms=$cache/rpms/$kernel.$modules.$payload.$btf-btf
  [ ! -d "$rpms" ] || return 0
  deb=$(debug_package)
  version=$(dpkg-deb -f "$deb" Version)
  [[ $version =~ ^([0-9.]+)-([0-9]+) ]] || fail "$deb has a version of no known form: $version"
  uname=${BASH_REMATCH[1]}-${BASH_REMATCH[2]}.0.0.1.oe2403.$machine
  root=$work/root
  mkdir "$root"
  say "packing $uname (modules: $modules, payload: $payload, $btf BTF)"
  unpack "$deb" "$root" "$root/usr/lib/debug/lib/modules/$uname"
  [ "$btf" = own ] || node "$here/hide-btf.mjs" "$root/usr/lib/debug/lib/modules/$uname/vmlinux"
  bash "$here/pack-kernel.sh" --root "$root" --uname "$uname" --payload "$payload" --to "$work/rpms"
  rm -rf "$root"
  mv "$work/rpms" "$rpms"
}

mapfile -t kernels < <(printf "%s\n" "${kernels[@]}" | sort -u)
set_of=$(IFS=+; echo "${kernels[*]}")
mirror=$cache/mirrors/$set_of.$modules.$payload.$btf-btf

make_mirror() {
  local repository=debuginfo rpm arch folder
  for program in rpmbuild createrepo_c; do
    command -v "$program" >/dev/null || fail "'$program' is missing: install 'rpm' and 'createrepo-c' (apt)"
  done
  for kernel in "${kernels[@]}"; do
    pack "$kernel"
    for rpm in "$rpms"/*.rpm; do
      arch=${rpm%.rpm}
      folder=$work/mirror/openEuler-$release/$repository/${arch##*.}
      mkdir -p "$folder/Packages"
      ln "$rpm" "$folder/Packages/"
    done
    # The kernel of the release's day is in debuginfo, the later ones are in update.
    repository=update
  done
  for folder in "$work"/mirror/*/*/*; do
    createrepo_c --quiet --no-database "$folder" >&2
  done
  mv "$work/mirror" "$mirror"
}

if [ ! -d "$mirror" ]; then
  exec 9>"$cache/lock"
  flock 9
  work=$(mktemp -d "$cache/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  [ -d "$mirror" ] || make_mirror # unless another made it while this one waited
fi
echo "$mirror"
