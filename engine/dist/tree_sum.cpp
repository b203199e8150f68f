#include "engine/dist/tree_sum.h"

#include "kernels/elementwise.h"
#include "kernels/scalar.h"

namespace seqpe::dist {

Tensor in_pieces(const Tensor& x, int ranks) {
  require(x.numel() % ranks == 0, "[dist] {} ranks must divide what is cut into pieces, got {}.",
          ranks, to_string(x.shape()));
  return x.view({ranks, x.numel() / ranks});
}

bool travels_rounded(const Tensor& x, Wire wire) {
  return wire == Wire::bf16 && x.dtype() == DType::f32;
}

void add_numbers(const Context& context, const Tensor& to, const Tensor& from) {
  if (context.device == Device::cpu || to.dtype() != DType::f64) {
    return kernels::add(context, {.dtype = to.dtype(),
                                  .out = to.data(),
                                  .a = from.data(),
                                  .count = to.numel(),
                                  .write = Write::accumulate});
  }
  for (std::int64_t i = 0; i < to.numel(); ++i) {
    kernels::weighted_sum(context, {.out = to.data_as<double>() + i,
                                    .write = Write::accumulate,
                                    .count = 1,
                                    .terms = {from.data_as<double>() + i},
                                    .weights = {1.0}});
  }
}

void sum_in_a_tree(const Context& context, const Tensor& pieces) {
  const std::int64_t count = pieces.dim(0);
  for (std::int64_t distance = 1; distance < count; distance *= 2) {
    for (std::int64_t piece = 0; piece + distance < count; piece += 2 * distance) {
      add_numbers(context, pieces.rows(piece, piece + 1),
                  pieces.rows(piece + distance, piece + distance + 1));
    }
  }
}

}  // namespace seqpe::dist
