// The one header that a CUDA kernel includes (and ptx.h, where it uses tensor cores or asynchronous
// copies). Compiled by nvcc it is a thin layer over CUDA; compiled by the host's compiler it is the
// emulator, which needs no CUDA toolkit.
//
//   SEQPE_SHARED(float[32], sums);            a static shared variable
//   SEQPE_SHARED_DYNAMIC(bytes);              unsigned char* to the dynamic shared memory of the
//   launch launch(context, {"name", grid, block, shared_bytes}, kernel, arguments...);
//   load_pack(p), store_pack(p, pack)         16 bytes as one access
//
// Rules for kernels: *_sync functions with explicit masks; __syncwarp between lanes that share
// data; no cooperative groups, no raw <<<>>>, no function-local static.
#pragma once

#include "kernels/common/bf16.h"
#include "kernels/common/context.h"

#if defined(__CUDACC__)
#include "kernels/simt/gpu.h"
#else
#include "kernels/simt/emulator.h"
#endif

namespace seqpe::simt {

constexpr unsigned kAllLanes = 0xffffffffu;

}  // namespace seqpe::simt
