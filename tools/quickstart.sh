#!/usr/bin/env bash
# From a fresh Debian 12 machine to a trained SeqPE language model: installs packages, builds, trains (about a minute).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/install_packages.sh
cmake --preset cpu -DSEQPE_TESTS=OFF
cmake --build --preset cpu --target seqpe_engine
exec build/cpu/bin/seqpe_engine train lm "$@"
