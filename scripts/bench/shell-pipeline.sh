#!/usr/bin/env bash
# The yardstick of the benchmark: what one writes in a shell to make BTF of kernel-debuginfo packages.
#   shell-pipeline.sh <folder> <pahole> <its flags> <URL>...
set -euo pipefail
folder=$1 pahole=$2 url=''
read -ra flags <<<"$3"
shift 3
cd "$folder"
for url in "$@"; do
  uname=${url##*/kernel-debuginfo-}
  uname=${uname%.rpm}
  curl -fsSL -o package.rpm "$url"
  rpm2cpio package.rpm | cpio --extract --to-stdout --quiet "./usr/lib/debug/lib/modules/$uname/vmlinux" >vmlinux
  "$pahole" "${flags[@]}" --btf_encode_detached="$uname.btf" vmlinux
  tar cJf "$uname.btf.tar.xz" "$uname.btf"
  rm package.rpm vmlinux "$uname.btf"
done
