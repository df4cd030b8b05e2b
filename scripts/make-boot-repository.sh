#!/usr/bin/env bash
# Makes a mirror out of real kernels in which each has both packages: `kernel` with its boot image and all modules, in
# openEuler's shape and order, and `kernel-debuginfo` with its vmlinux. Prints the folder to serve.
#
#   make-boot-repository.sh [--kernel <series>-<arch>]...
#
# The kernels are Debian's, as in make-kernel-repository.sh: series 5.10, 6.1, 6.12; arch amd64 or arm64; the newest of a
# series in the cloud flavour (5.10-rt is the rt flavour, whose boot image is packed by xz). Default: 6.1-amd64.
# The banner in a boot image has Debian's `uname -r`, so each kernel has a source file of its own: <folder>/<kernel>.yaml,
# distribution 'debian'. Below <folder>/images/<kernel> are vmlinuz and own.btf, the section .BTF of the matching vmlinux.
# The `kernel` packages are signed with a key that is made for it.
#
# Everything is made once and kept under ${XDG_CACHE_HOME:-~/.cache}/btfhub/test-kernels; remove that folder to get newer
# kernels.
set -euo pipefail

say() { echo "make-boot-repository.sh: $*" >&2; }
fail() { say "$*"; exit 2; }

kernels=()
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernels+=("${2:?}"); shift 2 ;;
    *) fail "unknown option '$1'" ;;
  esac
done
[ "${#kernels[@]}" -gt 0 ] || kernels=(6.1-amd64)
for program in apt-get dpkg-deb rpmbuild rpmsign gpg createrepo_c readelf xz; do
  command -v "$program" >/dev/null || fail "'$program' is missing: run scripts/prepare-machine.sh on Debian or Ubuntu"
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/btfhub/test-kernels
mkdir -p "$cache/debs" "$cache/boot"
mapfile -t kernels < <(printf "%s\n" "${kernels[@]}" | sort -u)
mirror=$cache/boot/$(IFS=+; echo "${kernels[*]}")

# Fetches a package and keeps it, without touching the machine's own apt.
fetch() { # suite arch meta-package file
  [ ! -e "$4" ] || return 0
  local apt=$work/apt.$1.$2 uri package keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$keyring" ] || fail "$keyring is missing: install 'debian-archive-keyring'"
  # shellcheck disable=SC2016 # these are apt's variables
  uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" {print $3; exit}')
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/download"
  echo "deb [signed-by=$keyring] ${uri:-http://deb.debian.org/debian} $1 main" >"$apt/sources.list"
  cat >"$apt/conf" <<END
APT::Architecture "$2"; APT::Architectures { "$2"; };
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-";
Dir::State::Lists "$apt/lists"; Dir::Cache "$apt/cache"; Dir::State::status "/dev/null";
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Retries "3";
END
  export APT_CONFIG=$apt/conf
  apt-get update -qq >&2
  package=$(apt-cache depends --important "$3" | awk '$1 == "Depends:" {print $2; exit}')
  [ -n "$package" ] || fail "$1 has no $3"
  say "downloading $package"
  (cd "$apt/download" && apt-get download -qq "$package" >&2)
  unset APT_CONFIG
  mv "$apt/download/"*.deb "$4"
}

# One kernel: its images, its packages, its source file.
add() { # kernel
  local kernel=$1 suite arch=${1##*-} machine flavour=cloud- series debug image root uname version release rest folder
  series=${kernel%-*}
  [ "${series#*-}" != rt ] || flavour=rt-
  case ${series%-rt} in
    5.10) suite=bullseye ;;
    6.1) suite=bookworm ;;
    6.12) suite=trixie ;;
    *) fail "there is no kernel '$kernel': see the top of this script" ;;
  esac
  case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) fail "there is no kernel '$kernel': see the top of this script" ;;
  esac
  debug=$cache/debs/$suite.$arch.deb
  [ "$flavour" = cloud- ] || debug=$cache/debs/$suite.$arch.${flavour%-}.deb
  image=$cache/debs/boot.$suite.$arch.${flavour%-}.deb
  fetch "$suite" "$arch" "linux-image-$flavour$arch-dbg" "$debug"
  fetch "$suite" "$arch" "linux-image-$flavour$arch" "$image"
  root=$work/$kernel
  mkdir -p "$root/kernel/boot" "$root/debug" "$work/mirror/images/$kernel"
  dpkg-deb --fsys-tarfile "$image" | tar -x -C "$root"
  dpkg-deb --fsys-tarfile "$debug" | tar -x -C "$root" --wildcards './usr/lib/debug/boot/vmlinux-*'
  uname=$(basename "$root"/boot/vmlinuz-*); uname=${uname#vmlinuz-}
  [ -e "$root/usr/lib/debug/boot/vmlinux-$uname" ] ||
    fail "$debug is not of $uname: remove both from $cache/debs"
  IFS=- read -r version release rest <<<"$uname"
  say "packing $uname"

  cp "$root/boot/vmlinuz-$uname" "$work/mirror/images/$kernel/vmlinuz"
  read -r offset size < <(readelf -SW "$root/usr/lib/debug/boot/vmlinux-$uname" |
    sed -n 's/^ *\[ *[0-9]*\] \.BTF  *PROGBITS *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2/p')
  tail -c +$((16#$offset + 1)) "$root/usr/lib/debug/boot/vmlinux-$uname" | head -c $((16#$size)) \
    >"$work/mirror/images/$kernel/own.btf" || true
  echo "$uname" >"$work/mirror/images/$kernel/uname"

  # Debian's System.map is a note of two lines; openEuler's has some megabytes.
  head -c 4000000 /dev/urandom | od -An -tx8 | head -c 7000000 >"$root/kernel/boot/System.map-$uname"
  cp "$root/boot/config-$uname" "$root/kernel/boot/"
  gzip -9nc "$root/kernel/boot/System.map-$uname" | head -c 400000 >"$root/kernel/boot/symvers-$uname.gz"
  cp "$root/boot/vmlinuz-$uname" "$root/kernel/boot/"
  mkdir -p "$root/kernel/lib"
  [ ! -d "$root/usr/lib/modules" ] || mv "$root/usr/lib/modules" "$root/lib"
  mv "$root/lib/modules" "$root/kernel/lib/modules"
  find "$root/kernel/lib/modules" -name '*.ko' -print0 | xargs -0 -P2 -n16 xz -1
  find "$root/kernel/lib/modules" -type l -delete
  bash "$here/pack-boot-package.sh" --root "$root/kernel" --version "$version" --release "$release" \
    --arch "$machine" --to "$root/rpms"
  rpmsign --define '_gpg_name boot' --define '__gpg /usr/bin/gpg' \
    --define '_gpg_sign_cmd_extra_args --batch --pinentry-mode loopback --passphrase ""' \
    --addsign "$root"/rpms/kernel-*.rpm >/dev/null

  folder=$root/tree/usr/lib/debug/lib/modules/$version-$release.$machine/$uname
  mkdir -p "$folder"
  mv "$root/usr/lib/debug/boot/vmlinux-$uname" "$folder/vmlinux"
  bash "$here/pack-kernel.sh" --root "$root/tree" --uname "$version-$release.$machine" --to "$root/rpms"

  folder=$work/mirror/$kernel/$machine
  mkdir -p "$folder/Packages"
  mv "$root"/rpms/*.rpm "$folder/Packages/"
  gpg --armor --export boot >"$folder/RPM-GPG-KEY-test"
  createrepo_c --quiet --no-database "$folder" >&2
  cat >"$work/mirror/$kernel.yaml" <<END
id: debian
mirrors: ['http://127.0.0.1/']
versionId: '^($series-$arch)\$'
repositories:
  - name: all
    folders: ['<release>/<arch>']
flavours:
  stock:
    package: kernel-debuginfo
    uname: <ver>-<rel>-$rest
    vmlinux: ./usr/lib/debug/lib/modules/$version-$release.$machine/<uname>/vmlinux
    bootImage: { package: kernel, path: ./boot/vmlinuz-<uname> }
keys:
  file: RPM-GPG-KEY-test
  fingerprints: ['$(gpg --with-colons --list-keys boot | awk -F: '$1 == "fpr" {print $10; exit}')']
END
  rm -rf "$root"
}

make_mirror() {
  export GNUPGHOME=$work/gnupg
  mkdir -m 700 "$GNUPGHOME"
  gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key 'boot <boot@example.org>' rsa2048 sign never
  for kernel in "${kernels[@]}"; do add "$kernel"; done
  gpgconf --kill gpg-agent
  mv "$work/mirror" "$mirror"
}

if [ ! -d "$mirror" ]; then
  exec 9>"$cache/boot/lock"
  flock 9
  work=$(mktemp -d "$cache/.work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  [ -d "$mirror" ] || make_mirror # unless another made it while this one waited
fi
echo "$mirror"
