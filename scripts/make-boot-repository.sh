#!/usr/bin/env bash
# Makes a mirror out of one real kernel, with its boot image: the package `kernel` in openEuler's shape and order
# (System.map, config, symvers, vmlinuz, then all modules as .ko.xz), and beside it `kernel-debuginfo` with its vmlinux;
# both signed with a key made for them. Prints a folder:
#   mirror/          to be served: <kernel>/<arch>/{Packages,repodata,RPM-GPG-KEY-test}
#   source.yaml      describes it, as distribution 'debian': the banner in the boot image has Debian's `uname -r`
#   uname, vmlinuz, own.btf: that `uname -r`, the boot image, and the section .BTF of Debian's vmlinux
#
#   make-boot-repository.sh --kernel <series>-<arch> [--image own|gzip] [--debuginfo vmlinux|some|none]
#
# --kernel     one of Debian's, as at the top of debian-kernels.sh
# --image      gzip: the boot image inside of gzip, as openEuler has it on aarch64 (default own: as Debian has it)
# --debuginfo  what kernel-debuginfo holds: vmlinux alone (default); some: as many modules as well as make a package as
#              large as openEuler's of 6.1-full-amd64; none: there is no such package
#
# Everything is made once and kept under ${XDG_CACHE_HOME:-~/.cache}/btfhub/test-kernels; remove that folder to get
# newer kernels.
set -euo pipefail

say() { echo "make-boot-repository.sh: $*" >&2; }
fail() { say "$*"; exit 2; }

kernel='' image=own debuginfo=vmlinux
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=${2:?}; shift 2 ;;
    --image) image=${2:?}; shift 2 ;;
    --debuginfo) debuginfo=${2:?}; shift 2 ;;
    *) fail "unknown option '$1'" ;;
  esac
done
[ -n "$kernel" ] || fail '--kernel is needed'
[[ $image =~ ^(own|gzip)$ ]] || fail '--image is own or gzip'
[[ $debuginfo =~ ^(vmlinux|some|none)$ ]] || fail '--debuginfo is vmlinux, some or none'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/btfhub/test-kernels
mkdir -p "$cache/debs" "$cache/boot"
. "$here/debian-kernels.sh"
know "$kernel"
made=$cache/boot/$kernel.$image.$debuginfo
for program in rpmbuild rpmsign gpg createrepo_c readelf xz; do
  command -v "$program" >/dev/null || fail "'$program' is missing: run scripts/prepare-machine.sh on Debian or Ubuntu"
done

# The tree of the package `kernel`.
lay_out_kernel() { # tree
  local folder deb boot modules
  folder=$(image_packages)
  mkdir -p "$work/image" "$1/boot" "$1/lib"
  for deb in "$folder"/*.deb; do
    dpkg-deb --extract "$deb" "$work/image"
  done
  boot=$(find "$work/image" -name 'vmlinuz*' -type f)
  modules=$(find "$work/image" -type d -path '*lib/modules/*' -prune)
  uname=${modules##*/}
  [ -e "$boot" ] && [ -d "$modules/kernel" ] || fail "$folder has no boot image, or no modules"
  if [ "$image" = gzip ]; then
    gzip -9nc "$boot" >"$1/boot/vmlinuz-$uname"
  else
    cp "$boot" "$1/boot/vmlinuz-$uname"
  fi
  cp "$1/boot/vmlinuz-$uname" "$work/made/vmlinuz"
  echo "$uname" >"$work/made/uname"
  find "$work/image" -name "config*" -type f -size +50k -exec cp {} "$1/boot/config-$uname" \;
  # Debian has Module.symvers in another package; openEuler's symvers has about this size.
  head -c 400000 /dev/urandom >"$1/boot/symvers-$uname.gz"
  rm -f "$modules"/vmlinuz*
  mv "${modules%/*}" "$1/lib/modules"
  find "$1/lib/modules" -type l -delete
  # Some are compressed already.
  find "$1/lib/modules" -name '*.ko' -print0 | xargs -0 -r -P2 -n32 xz -1 --threads=1
  rm -rf "$work/image"
}

# The trees of both packages' parts that lie in Debian's package with vmlinux.
lay_out_vmlinux() { # kernel-tree debuginfo-tree
  local deb map="boot/System.map-$uname" vmlinux="boot/vmlinux-$uname" wanted ends=(--occurrence=1) folder offset size ko
  deb=$(debug_package)
  if [ "$suite" = forky ]; then
    map=lib/modules/$uname/System.map vmlinux=lib/modules/$uname/vmlinux
  fi
  wanted=("./usr/lib/debug/$map" "./usr/lib/debug/$vmlinux")
  if [ "$debuginfo" = some ]; then
    ends=()
    wanted+=("${SOME_MODULES[@]}")
  fi
  mkdir -p "$work/debug"
  # With --occurrence tar ends as soon as it has these files, while dpkg-deb is writing.
  dpkg-deb --fsys-tarfile "$deb" 2>/dev/null | tar -x -C "$work/debug" --wildcards "${ends[@]}" "${wanted[@]}" || true
  folder=$work/debug/usr/lib/debug
  [ -e "$folder/$vmlinux" ] || fail "$deb is not of $uname: remove it and $(image_packages)"
  mv "$folder/$map" "$1/boot/System.map-$uname"
  read -r offset size < <(readelf -SW "$folder/$vmlinux" |
    sed -n 's/^ *\[ *[0-9]*\] \.BTF  *PROGBITS *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2/p')
  dd if="$folder/$vmlinux" of="$work/made/own.btf" bs=1M status=none \
    iflag=skip_bytes,count_bytes skip=$((16#$offset)) count=$((16#$size))
  mkdir -p "$2/usr/lib/debug/lib/modules/$uname"
  mv "$folder/$vmlinux" "$2/usr/lib/debug/lib/modules/$uname/vmlinux"
  if [ "$debuginfo" = some ]; then
    mv "$folder/lib/modules/$uname/kernel" "$2/usr/lib/debug/lib/modules/$uname/"
    find "$2" -name '*.ko' -print0 | while IFS= read -r -d '' ko; do mv "$ko" "$ko.debug"; done
  fi
  rm -rf "$work/debug"
}

sign() { # package...
  export GNUPGHOME=$work/gnupg
  mkdir -m 700 "$GNUPGHOME"
  # gpg's agent stays: it must not inherit the lock, nor the output of this script.
  timeout 300 gpg --batch --quiet --pinentry-mode loopback --passphrase '' \
    --quick-gen-key 'boot <boot@example.org>' rsa2048 sign never 9>&- </dev/null >&2
  timeout 300 rpmsign --define '_gpg_name boot' --define '__gpg /usr/bin/gpg' \
    --define '_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase ""' \
    --addsign "$@" 9>&- </dev/null >&2
  gpg --batch --armor --export boot 9>&- >"$work/key"
  fingerprint=$(gpg --batch --with-colons --list-keys boot 9>&- | awk -F: '$1 == "fpr" && !found {print $10; found = 1}')
}

make_mirror() {
  local version release rest nvr folder fingerprint uname
  mkdir -p "$work/made" "$work/kernel" "$work/debuginfo" "$work/rpms"
  lay_out_kernel "$work/kernel"
  lay_out_vmlinux "$work/kernel" "$work/debuginfo"
  IFS=- read -r version release rest <<<"$uname"
  nvr=$version-$release.$machine
  say "packing $uname (image: $image, debuginfo: $debuginfo)"
  bash "$here/pack-kernel.sh" --root "$work/kernel" --uname "$nvr" --to "$work/rpms" --packages kernel
  rm -rf "$work/kernel"
  [ "$debuginfo" = none ] ||
    bash "$here/pack-kernel.sh" --root "$work/debuginfo" --uname "$nvr" --to "$work/rpms"
  sign "$work"/rpms/*.rpm
  rm -rf "$work/debuginfo"
  folder=$work/made/mirror/$kernel/$machine
  mkdir -p "$folder"
  mv "$work/rpms" "$folder/Packages"
  mv "$work/key" "$folder/RPM-GPG-KEY-test"
  createrepo_c --quiet --no-database "$folder" >&2
  cat >"$work/made/source.yaml" <<END
id: debian
mirrors: ['http://127.0.0.1/']
versionId: '^(\d+\.\d+)'
repositories:
  - name: all
    folders: ['<release>/<arch>']
flavours:
  stock:
    package: kernel-debuginfo
    uname: <ver>-<rel>${rest:+-$rest}
    vmlinux: ./usr/lib/debug/lib/modules/<uname>/vmlinux
    bootImage: { package: kernel, path: ./boot/vmlinuz-<uname> }
keys:
  file: RPM-GPG-KEY-test
  fingerprints: ['$fingerprint']
END
  mv "$work/made" "$made"
}

clean_up() {
  if [ -d "$work/gnupg" ]; then GNUPGHOME=$work/gnupg gpgconf --kill gpg-agent || true; fi
  rm -rf "$work"
}

if [ ! -d "$made" ]; then
  exec 9>"$cache/boot/lock"
  flock 9
  work=$(mktemp -d "$cache/.work.XXXXXX")
  trap clean_up EXIT
  [ -d "$made" ] || make_mirror # unless another made it while this one waited
fi
echo "$made"
