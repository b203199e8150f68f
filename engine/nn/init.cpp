#include "engine/nn/init.h"

#include "engine/core/random.h"
#include "engine/core/stream_id.h"

namespace seqpe::nn {

void initialize(const Tensor& tensor, const Init& init, std::uint64_t seed, std::string_view name) {
  if (init.kind == Init::Kind::constant) return tensor.fill(init.value);
  PhiloxGenerator generator({.seed = seed, .stream = stream_id(name), .step = 0});
  dispatch_floating("initialize", tensor.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& element : tensor.span<T>()) {
      const double draw =
          init.kind == Init::Kind::normal ? generator.normal() : 2.0 * generator.uniform() - 1.0;
      element = static_cast<T>(static_cast<Acc<T>>(init.value * draw));
    }
  });
}

}  // namespace seqpe::nn
