#!/usr/bin/env bash
# tools/gpu_check.sh --pack FILE: builds, then puts programs, libraries, goldens and scripts into one archive, FILE.
set -euo pipefail
file=$(realpath "$1")
[ ! -d "$file" ] && [ -w "$(dirname "$file")" ] || { echo "gpu_check: cannot write the pack $1: it must be a file in a folder that can be written." >&2; exit 1; }
cd "$(dirname "$0")/../.."
source tools/gpu_check/build.sh

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pack=$work/gpu_check
mkdir -p "$pack"/{bin,lib/gcc,tests,tools}
(build_for_gpu "${SEQPE_CUDA_ARCHITECTURES:-$both_architectures}") || { echo "gpu_check: no pack, the build did not end." >&2; exit 1; }
write_bounds "$pack/bounds.json"

for program in cuda_test golden_test seqpe_engine seqpe_kernel_times libseqpe_nccl.so; do
  [ -e "$gpu_build/bin/$program" ] || { echo "gpu_check: left out: $program, which was not built"; continue; }
  strip -o "$pack/bin/$program" "$gpu_build/bin/$program"
done
# What a bare machine lacks. It has the C library; cuBLASLt and NCCL come with its CUDA, and are many times a pack's size.
ldd "$pack"/bin/* | sed -n 's/.* => \(\/\S*\) .*/\1/p' | sort -u | while read -r library; do
  case ${library##*/} in
    libc.* | libm.* | libdl.* | librt.* | libpthread.*) ;;
    libcublasLt.* | libnccl.*) echo "gpu_check: left out: $library; the GPU machine's CUDA has it" ;;
    libstdc++.* | libgcc_s.*) cp -L "$library" "$pack/lib/gcc/" ;;
    *) cp -L "$library" "$pack/lib/" ;;
  esac
done
copy_test_files "$pack/tests"
cp -r tools/gpu_check tools/gpu_check.sh tools/bench "$pack/tools/"
{
  echo "commit: $(git rev-parse --short HEAD 2> /dev/null || echo unknown)"
  echo "made: $(date -u +%Y-%m-%dT%H:%MZ)"
  echo "compiled for: sm_$(sed -n 's/^CMAKE_CUDA_ARCHITECTURES:.*=//p' "$gpu_build/CMakeCache.txt" | sed 's/-real//g; s/;/, sm_/g')"
} > "$pack/PACK"

tar -C "$work" -c gpu_check | gzip -9 > "$work/pack.tar.gz"
check_size "$work/pack.tar.gz" "$pack"
mv "$work/pack.tar.gz" "$file"
echo "gpu_check: $file. On the machine with the GPU: tar -xzf ${file##*/} && gpu_check/tools/gpu_check.sh OUT"
