#include "engine/optim/clipping.h"

#include "kernels/scalar.h"

namespace seqpe::optim {

Clipping::Clipping(const std::vector<ParameterGroup>& groups, dist::ProcessGroup* ranks)
    : groups_(groups), ranks_(ranks) {
  constexpr auto kMost = static_cast<std::size_t>(kernels::ClipFactorsArgs::kMostGroups);
  require(!groups.empty() && groups.size() <= kMost,
          "[optim] there must be 1 to {} parameter groups, got {}.", kMost, groups.size());
  const auto count = static_cast<std::int64_t>(groups.size());
  squares_ = Tensor::empty({count}, DType::f64, groups[0].device());
  factors_ = Tensor::full({count}, 1.0, DType::f64, groups[0].device());
}

Tensor Clipping::decide(const std::vector<double>& limits, const Tensor& loss) {
  require(limits.size() == groups_.size(), "[optim] there must be {} limits of norms, got {}.",
          groups_.size(), limits.size());
  const Tensor norms = Tensor::empty(squares_.shape(), DType::f64, squares_.device());
  kernels::ClipFactorsArgs args{.groups = static_cast<int>(groups_.size()),
                                .loss = loss.data_as<double>(),
                                .squares = squares_.data_as<double>(),
                                .norms = norms.data_as<double>(),
                                .factors = factors_.data_as<double>()};
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const auto row = static_cast<std::int64_t>(g);
    groups_[g].sum_squares(squares_.rows(row, row + 1));
    args.limits[g] = limits[g];
  }
  if (ranks_ != nullptr) ranks_->all_reduce(squares_)->wait();
  kernels::clip_factors(squares_.context(), args);
  return norms;
}

Tensor Clipping::factor(std::size_t g) const {
  const auto row = static_cast<std::int64_t>(g);
  return factors_.rows(row, row + 1);
}

}  // namespace seqpe::optim
