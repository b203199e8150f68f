#!/usr/bin/env bash
# Installs the Debian packages that the build needs, if any is missing. Called by quickstart.sh and test.sh.
set -euo pipefail

packages=(
  build-essential ccache cmake ninja-build pkg-config git ca-certificates
  libdnnl-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libfmt-dev libpcre2-dev
  libjpeg62-turbo-dev libpng-dev zlib1g-dev
  libgtest-dev
  libopenmpi-dev openmpi-bin iproute2
)
packages+=("$@")

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install_packages: run as root, or install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "Installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
