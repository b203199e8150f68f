# shellcheck shell=bash disable=SC2034,SC2154
# Building what a check runs, and finding the libraries of what was built elsewhere. Source it at the project's root, with
# $root, $bin and $python set for use_packed_libraries.
gpu_build=build/gpu_check
# PTX, which is for later GPUs, only of the latest: a quarter of the device code less.
both_architectures='80-real;90'
most_bytes=60000000 # of a pack

# build_for_gpu ARCHITECTURES: the command, the program that times kernels, and the tests that use the device.
build_for_gpu() {
  command -v nvcc > /dev/null || [ -x /usr/local/cuda/bin/nvcc ] || { echo "SKIPPED: there is no nvcc (CUDA Toolkit)"; exit 77; }
  tools/install_packages.sh
  cmake --preset cuda -B "$gpu_build" -DSEQPE_TESTS=ON "-DCMAKE_CUDA_ARCHITECTURES=$1"
  cmake --build "$gpu_build" --target cuda_test golden_test seqpe_engine
}

# write_bounds FILE: the cost model's least times of every kernel, counted on the emulator.
write_bounds() {
  tools/install_packages.sh
  cmake --preset emulated
  cmake --build --preset emulated --target seqpe_kernel_costs
  build/emulated/bin/seqpe_kernel_costs --emulated --json > "$1.part"
  mv "$1.part" "$1"
}

# copy_test_files FOLDER: of the project's tests, what a pack's programs read. The rest is sources, and the command's own tests'.
copy_test_files() {
  mkdir -p "$1"/{golden,data,tools}
  cp -r tests/golden/{image,text,tokenizer,transforms} "$1/golden/"
  cp -r tests/data/gpt2_tokenizer "$1/data/"
  cp tests/tools/{lib.sh,device_ranks.sh,ranks_device_test.sh,tiny.yaml,tiny_vit.yaml} "$1/tools/"
}

# check_size ARCHIVE FOLDER: refuses an archive that is too large, and tells what takes the room in the folder it was made from.
check_size() {
  local size
  size=$(stat -c %s "$1")
  [ "$size" -gt "$most_bytes" ] || { echo "gpu_check: the pack has $size bytes of at most $most_bytes"; return 0; }
  (cd "$2" && du -ak . | sort -rn | head -12 >&2)
  echo "gpu_check: a pack must have at most $most_bytes bytes, this has $size. Hint: SEQPE_CUDA_ARCHITECTURES=90." >&2
  return 1
}

# Libraries of a pack: its own; cuBLASLt and NCCL from this machine's CUDA or from PyTorch's; the C++ library of the pack only if this
# machine's is too old or missing, for the newer one serves both.
use_packed_libraries() {
  local folder missing
  export LD_LIBRARY_PATH=$root/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  ! ldd "$bin/cuda_test" 2>&1 | grep -qE "GLIBCXX|CXXABI|GCC_|lib(stdc\+\+|gcc_s).*not found" ||
    export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$root/lib/gcc
  for missing in $(ldd "$bin"/* 2> /dev/null | sed -n 's/^\s*\(libcublasLt\S*\|libnccl\S*\) => not found/\1/p' | sort -u); do
    for folder in /usr/local/cuda*/lib64 /usr/local/cuda*/lib /usr/local/cuda*/targets/*/lib \
      $("$python" -c 'import sys; print(*(path + "/nvidia/cu13/lib " + path + "/nvidia/cublas/lib " + path + "/nvidia/nccl/lib" for path in sys.path if path))' 2> /dev/null); do
      [ ! -f "$folder/$missing" ] || { export LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder; break; }
    done
  done
}
