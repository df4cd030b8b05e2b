# Debian's kernels, for the scripts beside this one, which source it: which there are, and how their packages are
# fetched. Needs the functions `say` and `fail`, the folders $cache and $work, and sets what `know` says.

# Nothing waits for ever: seconds for a download, the index of a suite included.
LONGEST_FETCH=1800

# With vmlinux, as tar's patterns: modules that make a package of the kernel with all drivers as large as openEuler's.
# shellcheck disable=SC2034 # the scripts read it
SOME_MODULES=(
  '*/kernel/net/*.ko' '*/kernel/fs/*.ko' '*/kernel/sound/*.ko'
  '*/kernel/drivers/net/*.ko' '*/kernel/drivers/scsi/*.ko' '*/kernel/drivers/infiniband/*.ko'
)

# Sets suite, arch (Debian's), machine (as `uname -m` has it) and flavour (cloud, or full: all drivers) of a kernel.
#   series 5.10 (bullseye), 6.1 (bookworm), 6.12 (trixie), 6.12-backports (bookworm-backports), 7.2 (forky);
#   arch amd64, arm64 or riscv64; <series>-full-<arch> is the kernel with all drivers, in place of the cloud flavour.
know() { # kernel
  local series=${1%-*}
  arch=${1##*-} flavour=cloud
  case $arch in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    riscv64) machine=riscv64 flavour=full ;; # which has no cloud flavour
    *) fail "there is no kernel '$1': see the top of debian-kernels.sh" ;;
  esac
  [ "$series" = "${series%-full}" ] || flavour=full
  case ${series%-full} in
    5.10) suite=bullseye ;;
    6.1) suite=bookworm ;;
    6.12) suite=trixie ;;
    6.12-backports) suite=bookworm-backports ;;
    7.2) suite=forky ;;
    *) fail "there is no kernel '$1': see the top of debian-kernels.sh" ;;
  esac
}

# The Debian mirror that this machine uses, or Debian's own.
debian_mirror() {
  local targets uri
  # shellcheck disable=SC2016 # these are apt's variables
  targets=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages')
  uri=$(awk -F'|' '$1 == "Debian" && $2 == "Debian" {print $3; exit}' <<<"$targets")
  [ -n "$uri" ] || uri=$(awk -F'|' '$3 ~ /\/debian\/$/ {print $3; exit}' <<<"$targets")
  echo "${uri:-http://deb.debian.org/debian}"
}

# A configuration of apt for the suite and arch that `know` set, which touches nothing of the machine's own.
configure_apt() {
  local apt=$work/apt.$suite.$arch keyring=/usr/share/keyrings/debian-archive-keyring.gpg program
  for program in apt-get dpkg-deb; do
    command -v "$program" >/dev/null ||
      fail "real kernels come from Debian, by '$program': run this on Debian or Ubuntu, or copy $cache from there"
  done
  [ -e "$keyring" ] || fail "$keyring is missing: install 'debian-archive-keyring'"
  if [ ! -d "$apt" ]; then
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    echo "deb [signed-by=$keyring] $(debian_mirror) $suite main" >"$apt/sources.list"
    cat >"$apt/conf" <<END
APT::Architecture "$arch"; APT::Architectures { "$arch"; };
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-";
Dir::State::Lists "$apt/lists"; Dir::Cache "$apt/cache"; Dir::State::status "/dev/null";
APT::Sandbox::User "root"; Acquire::Languages "none"; Acquire::Check-Valid-Until "false"; Acquire::Retries "3";
END
    say "looking for the newest kernel of $suite, $arch"
    # Where the caller looks at the status, `set -e` does not end a function.
    APT_CONFIG=$apt/conf timeout "$LONGEST_FETCH" apt-get update -qq >&2 || fail "cannot read the packages of $suite"
  fi
  APT_CONFIG=$apt/conf
}

# Fetches the newest kernel that a meta package depends on, and what belongs to that kernel, into a folder.
fetch_newest() { # meta-package folder
  local package others download=$work/download
  configure_apt
  export APT_CONFIG
  package=$(apt-cache depends --important "$1" | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ {print $2}')
  [ -n "$package" ] || fail "$suite has no $1"
  # From 7.2 on an image package is empty, and depends on those with the boot image and the modules.
  mapfile -t others < <(apt-cache depends --important "$package" |
    awk '$1 == "Depends:" && $2 ~ /^linux-(base|binary|modules)-[0-9]/ {print $2}')
  [[ $package != *-dbg ]] || others=()
  say "downloading $package"
  rm -rf "$download"
  mkdir "$download"
  (cd "$download" && timeout "$LONGEST_FETCH" apt-get download -qq "$package" "${others[@]}" >&2) ||
    fail "cannot download $package"
  unset APT_CONFIG
  mv "$download" "$2"
}

# Prints the path of the package with vmlinux of the kernel that `know` set; fetched once.
debug_package() {
  local meta=$arch file=$cache/debs/$suite.$arch.deb
  [ "$flavour" = full ] && file=$cache/debs/$suite.$arch.full.deb || meta=cloud-$arch
  if [ ! -e "$file" ]; then
    fetch_newest "linux-image-$meta-dbg" "$work/debug"
    mv "$work"/debug/*.deb "$file"
  fi
  echo "$file"
}

# Prints the folder with the packages of the boot image and the modules; fetched once.
image_packages() {
  local meta=$arch folder=$cache/debs/boot.$suite.$arch.$flavour
  [ "$flavour" = full ] || meta=cloud-$arch
  [ -d "$folder" ] || fetch_newest "linux-image-$meta" "$folder"
  echo "$folder"
}
