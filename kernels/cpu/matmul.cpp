// The product, then its epilogue on blocks of rows that are still in a cache.
#include "kernels/matmul.h"

#include <algorithm>
#include <type_traits>

#include "kernels/common/error.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels {
SEQPE_KERNEL_SWITCH_CPU(matmul_epilogue, MatmulArgs)
SEQPE_KERNEL_SWITCH_CPU(gemm_packed, MatmulArgs)

namespace cpu {

void matmul(const MatmulArgs& args) {
  if (args.epilogue == Epilogue::none) return gemm(args);
  require(
      args.bias != nullptr && args.write == Write::overwrite && !args.trans_a && !args.wide_out,
      "[matmul] an epilogue needs a bias, an overwritten output of the dtype of a and an a that "
      "is not transposed, got bias {}, accumulate {}, wide_out {}, trans_a {}.",
      args.bias != nullptr, args.write == Write::accumulate, args.wide_out, args.trans_a);
  // Blocks of rows small enough that the epilogue finds them in the second-level cache.
  constexpr std::int64_t kBlockBytes = std::int64_t{2} << 20;
  const auto element = static_cast<std::int64_t>(size_of(args.dtype));
  const std::int64_t rows =
      std::max<std::int64_t>(128, kBlockBytes / std::max<std::int64_t>(1, args.n * element));
  for (std::int64_t item = 0; item < args.batch; ++item) {
    for (std::int64_t row = 0; row < args.m; row += rows) {
      const auto shift = [&](auto* pointer, std::int64_t elements) {
        using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<decltype(pointer)>>,
                                        const char, char>;
        return static_cast<decltype(pointer)>(static_cast<Byte*>(pointer) + elements * element);
      };
      MatmulArgs block = args;
      block.batch = 1;
      block.m = std::min(rows, args.m - row);
      block.a = shift(args.a, item * args.batch_stride_a + row * args.lda);
      block.b = shift(args.b, item * args.batch_stride_b);
      const std::int64_t out_offset = item * args.batch_stride_out + row * args.ldc;
      block.out = shift(args.out, out_offset);
      if (args.pre_activation != nullptr)
        block.pre_activation = shift(args.pre_activation, out_offset);
      gemm(block);
      const KernelTimer timer("matmul_epilogue");
      matmul_epilogue(block);
    }
  }
}

}  // namespace cpu
}  // namespace seqpe::kernels
