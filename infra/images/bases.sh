#!/usr/bin/env bash
# Base images from Debian's packages, for a machine that reaches no registry of images: 4m-check/debian, and
# 4m-check/node, which is that with this machine's Node and npm. Prints nothing but what fails. On Debian, as root.
set -euo pipefail

install_packages() {
  local missing=() package
  for package in podman buildah runc debootstrap; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  apt-get update >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2
}

# podman reads this machine's settings where it has none of its own: storage without overlay needs no kernel module.
export STORAGE_DRIVER="${STORAGE_DRIVER:-vfs}"

make_debian() {
  podman image exists localhost/4m-check/debian && return 0
  local folder
  folder="$(mktemp -d)"
  debootstrap --variant=minbase --include=ca-certificates,libstdc++6 bookworm "$folder/root" >&2
  rm -rf "$folder"/root/var/cache/apt/archives/*.deb "$folder"/root/var/lib/apt/lists/*
  # Private certificate authorities of this machine, which builds may have to trust.
  cp /etc/ssl/certs/ca-certificates.crt "$folder/root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$folder/root" -cf - . | podman import - localhost/4m-check/debian >/dev/null
  rm -rf "$folder"
}

make_node() {
  podman image exists localhost/4m-check/node && return 0
  local folder
  folder="$(mktemp -d)"
  cp "$(readlink -f "$(command -v node)")" "$folder/node"
  cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$folder/npm"
  cat >"$folder/Dockerfile" <<'FILE'
FROM localhost/4m-check/debian
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && npm --version
FILE
  buildah bud --isolation chroot --quiet -t localhost/4m-check/node "$folder" >/dev/null
  rm -rf "$folder"
}

install_packages
make_debian
make_node
