#include "kernels/dropout.h"

#include "kernels/common/parallel.h"
#include "kernels/cpu/dropout_mask.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T>
void drop(const DropoutArgs& args) {
  using A = Acc<T>;
  const T* x = static_cast<const T*>(args.x);
  const T* residual = static_cast<const T*>(args.residual);
  T* out = static_cast<T*>(args.out);
  const std::uint32_t threshold = dropout_threshold(args.draw.probability);
  const A scale = static_cast<A>(1.0 / (1.0 - args.draw.probability));
  constexpr std::int64_t kElementsPerChunk = 1024;
  parallel_chunks(args.count, kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    std::uint16_t numbers[kElementsPerChunk];
    dropout_numbers(args.draw, begin, end - begin, numbers);
    for (std::int64_t i = begin; i < end; ++i) {
      const A kept = numbers[i - begin] < threshold ? A(0) : load(x + i) * scale;
      const A value = residual != nullptr ? load(residual + i) + kept : kept;
      write_to(out + i, value, args.write);
    }
  });
}

}  // namespace

void dropout(const DropoutArgs& args) {
  dispatch_floating("dropout", args.dtype,
                    [&](auto tag) { drop<typename decltype(tag)::type>(args); });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
