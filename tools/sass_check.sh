#!/usr/bin/env bash
# Counts the tensor-core instructions (HMMA), loads of fragments (LDSM) and asynchronous copies of 16 bytes (LDGSTS) in the
# machine code of attention for sm_90, and fails where they are not those of the design: none is lost, repeated or split.
# Needs nvcc and nvdisasm (CUDA Toolkit, or the Python package nvidia-cuda-nvdisasm; NVDISASM=path names one). No GPU needed.
set -euo pipefail
[ $# -eq 0 ] || { echo "sass_check.sh: expected no argument, got: $*" >&2; exit 2; }
cd "$(dirname "$0")/.."
nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2> /dev/null || true)
nvdisasm=${NVDISASM:-$(command -v nvdisasm || ls /usr/local/cuda/bin/nvdisasm 2> /dev/null || true)}
if [ -z "$nvcc" ] || ! command -v "$nvdisasm" > /dev/null; then
  echo "sass_check: SKIPPED, there is no nvcc or no nvdisasm${NVDISASM:+ ($NVDISASM)}: the instructions of attention were not counted."
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for part in forward backward; do
  "$nvcc" -std=c++17 -arch=sm_90 -O3 -I. -cubin "kernels/cuda/attention_mma_$part.cu" -o "$scratch/$part.cubin"
  "$nvdisasm" -c "$scratch/$part.cubin" > "$scratch/$part.sass"
done

# A line a kernel: name, then its template's numbers, then the counts of HMMA, LDSM, LDGSTS of 16 bytes, other LDGSTS, STL and LDL.
count_instructions() {
  awk '
    function finish() { if (name != "") print name, hmma + 0, ldsm + 0, copies + 0, other + 0, spills + 0 }
    /^\.text\./ {
      finish(); name = ""; hmma = ldsm = copies = other = spills = 0
      if (match($0, /attention_[a-z_]*_mma_kernelI[A-Za-z0-9]*EEv/)) {
        name = substr($0, RSTART, RLENGTH - 4); gsub(/ILi|ELb/, " ", name)
      }
    }
    / HMMA\./ { ++hmma }
    / LDSM\./ { ++ldsm }
    / LDGSTS\./ { if (/ LDGSTS\.[A-Z.]*128/) ++copies; else ++other }
    / (STL|LDL)/ { ++spills }
    END { finish() }' "$@" | sort
}

# Tiles of the kernels: kernels/cuda/attention_mma_{forward.cu,backward_queries.h,backward_keys.h}. Products are of 16 x 8 x 16; a load brings
# 16 x 16; 128 threads copy 8 elements each.
failed=0
kernels=0
while read -r name size pe dropout own position hmma ldsm copies other spills; do
  case $name in
    attention_backward_keys*) ;;
    *) spills=$copies other=$ldsm copies=$hmma ldsm=$position hmma=$own ;; # no template's numbers `own` and `position`
  esac
  width=$((size * (1 + pe))) tiles=$((2 + pe)) # of [q ; pe_q]; tensors that a stage brings
  other_rows=$((size == 128 ? 32 : 64))        # of a stage
  case $name in
    attention_forward*) # 32 rows a warp
      want_hmma=$((2 * other_rows / 8 * width / 16 + 2 * size / 8 * other_rows / 16))
      want_ldsm=$((width / 16 * (2 + other_rows / 16) + other_rows / 16 * size / 16))
      resident=$((128 * width)) terms=0
      ;;
    attention_backward_queries*) # 16 m rows a warp
      other_rows=32 m=$((size == 128 ? 1 : 2))
      want_hmma=$((m * (other_rows / 8 * (width + size) / 16 + other_rows / 16 * width / 8)))
      want_ldsm=$(((width + size) / 16 * (m + other_rows / 16) + other_rows / 16 * width / 16))
      resident=$((64 * m * (width + size))) terms=0
      ;;
    attention_backward_keys*) # 32 rows a warp or two, twins, which make half of the weights and half of the sums each
      other_rows=32 sums=$((size * (2 * own + position)))
      twins=$((size == 128 || (size == 64 && pe) ? 2 : 1))
      own_rows=$((other_rows / twins))
      want_hmma=$((2 * (own_rows / 8 * (width + size) / 16 + own_rows / 16 * sums / 8)))
      want_ldsm=$(((width + size) / 16 * (2 + own_rows / 16) + own_rows / 16 * sums / 16))
      resident=$((128 / twins * (width + size))) terms=1
      ;;
  esac
  # The block's own rows once; a stage before the walk and one in it.
  want_copies=$((resident / 1024 + 2 * (tiles * other_rows * size / 1024 + terms)))
  line="$name size $size, pe $pe, dropout $dropout: $hmma HMMA, $ldsm LDSM, $copies copies of 16 bytes"
  kernels=$((kernels + 1))
  if [ "$hmma $ldsm $copies $other $spills" = "$want_hmma $want_ldsm $want_copies 0 0" ]; then
    echo "sass_check: $line"
  else
    echo "sass_check: $line, $other other copies, $spills spills; designed are $want_hmma, $want_ldsm, $want_copies, 0, 0."
    failed=1
  fi
done < <(count_instructions "$scratch"/*.sass)
if [ "$kernels" -ne 38 ]; then
  echo "sass_check: found $kernels kernels of 38."
  failed=1
fi
exit "$failed"
