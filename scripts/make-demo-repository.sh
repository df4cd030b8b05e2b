#!/usr/bin/env bash
# Makes demo/repository, a mirror of openEuler in miniature, out of demo/kernel: real compilers, real
# rpmbuild, real createrepo_c. The result is committed; this is run again only to change it.
#
#   make-demo-repository.sh [folder]
#
# Needs gcc, gcc-aarch64-linux-gnu, pahole, rpm, createrepo-c (Debian's names).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
sources=$(cd "$here/../demo/kernel" && pwd)
target=${1:-$(dirname "$sources")/repository}
mkdir -p "$target"
target=$(cd "$target" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC LC_ALL=C

for program in gcc aarch64-linux-gnu-gcc pahole rpmbuild createrepo_c; do
  command -v "$program" >/dev/null || { echo "make-demo-repository.sh needs '$program'." >&2; exit 2; }
done

# release | repository | version-release | day it was built | payload
kernels=(
  '22.03-LTS-SP1|debuginfo|5.10.0-136.12.0.86.oe2203sp1|2022-12-30|w2.xzdio'
  '22.03-LTS-SP1|update|5.10.0-136.49.0.127.oe2203sp1|2023-09-20|w2.xzdio'
  '24.03-LTS|debuginfo|6.6.0-28.0.0.34.oe2403|2024-05-31|w2.xzdio'
  '24.03-LTS|update|6.6.0-41.0.0.49.oe2403|2024-09-13|w19.zstdio'
)

compile() { # arch series folder: vmlinux and one module's debug file
  local prefix='' machine=() address=0xffffffff81000000
  case $1 in
    x86_64) machine=(-mcmodel=kernel) ;;
    aarch64) prefix=aarch64-linux-gnu- address=0xffff800008000000 ;;
  esac
  local flags=("${machine[@]}" "-DKERNEL_SERIES=$2" -O2 -g -std=gnu11 -ffreestanding -fno-pic -fno-stack-protector
    -fno-asynchronous-unwind-tables "-ffile-prefix-map=$sources=/usr/src/demo" -frandom-seed=demo)
  mkdir -p "$3/kernel/fs/xfs"
  cd "$sources" # so that no path of this machine gets into the DWARF
  "${prefix}gcc" "${flags[@]}" -no-pie -nostdlib -static \
    "-Wl,-T,vmlinux.lds,--defsym=text_address=$address,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments" \
    -o "$3/vmlinux" sched.c mm.c fs.c net.c
  # openEuler's kernels carry BTF of their own from 5.10.0-52 on; here only the newer series does,
  # so that the demonstration shows both.
  [ "$2" -lt 606 ] || pahole -J "$3/vmlinux"
  "${prefix}gcc" "${flags[@]}" -c -o "$work/xfs.ko" module.c
  "${prefix}objcopy" --only-keep-debug "$work/xfs.ko" "$3/kernel/fs/xfs/xfs.ko.debug"
}

index() { # folder epoch
  touch -d "@$2" "$1"/Packages/*.rpm
  createrepo_c --quiet --no-database --simple-md-filenames --revision "$2" --set-timestamp-to-revision "$1"
}

rm -rf "$target"
for kernel in "${kernels[@]}"; do
  IFS='|' read -r release repository nvr day payload <<<"$kernel"
  SOURCE_DATE_EPOCH=$(date -d "$day" +%s)
  export SOURCE_DATE_EPOCH
  series=510
  [[ $nvr == 5.10.* ]] || series=606
  for arch in x86_64 aarch64; do
    uname=$nvr.$arch root=$work/root
    rm -rf "$root"
    compile "$arch" "$series" "$root/usr/lib/debug/lib/modules/$uname"
    main=()
    if [ "$repository" = update ]; then # which mixes all kinds of packages
      mkdir -p "$root/boot"
      echo "CONFIG_DEBUG_INFO=y" >"$root/boot/config-$uname"
      main=(--packages both)
    fi
    folder=$target/openEuler-$release/$repository/$arch
    bash "$here/pack-kernel.sh" --root "$root" --uname "$uname" --payload "$payload" "${main[@]}" --to "$folder/Packages"
    index "$folder" "$SOURCE_DATE_EPOCH"
  done
done
find "$target" -name '*.rpm' -printf '%P %s bytes\n' | sort
du -sh --apparent-size "$target"
