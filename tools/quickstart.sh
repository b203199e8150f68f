#!/usr/bin/env bash
# From a fresh Debian 12 machine to a trained SeqPE language model: installs packages, builds, trains (about a minute).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/tools/install_packages.sh"
(cd "$root" && cmake --preset cpu && cmake --build --preset cpu --target seqpe_engine)
exec "$root/build/cpu/bin/seqpe_engine" train lm "$@" # paths in it are the caller's
