#!/usr/bin/env bash
# prepare-machine.sh [<program>:<Debian package>...]
# Installs what the tests need and a new machine lacks, and what is named besides. On Debian and Ubuntu by apt; elsewhere, and
# without the right to install, it names what is missing and fails.
set -euo pipefail

# program -> Debian package
needs=(
  openssl:openssl xz:xz-utils zstd:zstd bzip2:bzip2 lz4:lz4 lzop:lzop cpio:cpio git:git curl:curl
  pahole:pahole bpftool:bpftool clang:clang llvm-objcopy:llvm objcopy:binutils
  dwz:dwz rpmbuild:rpm rpm2cpio:rpm2cpio rpmlint:rpmlint createrepo_c:createrepo-c gpg:gnupg tmux:tmux
  cmake:cmake make:make gcc:gcc nginx:nginx-light zsh:zsh fish:fish jq:jq groff:groff-base
)
missing=()
for need in "${needs[@]}" "$@"; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
# libraries: a header -> Debian package
libraries=(dwarf.h:libdw-dev libelf.h:libelf-dev zlib.h:zlib1g-dev bpf/bpf_helpers.h:libbpf-dev)
for library in "${libraries[@]}"; do
  [ -e "/usr/include/${library%%:*}" ] || missing+=("${library#*:}")
done
# Debian's keys, by which apt believes in the kernels that make-kernel-repository.sh fetches
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
[ "${#missing[@]}" -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "installing by apt: ${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "The tests need these Debian packages, or their equals: ${missing[*]}" >&2
  echo "Run: sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
