#include "tools/kernel_costs/case_time.h"

#include <algorithm>
#include <utility>

#include "kernels/device.h"
#include "kernels/moment.h"

namespace seqpe::costs {

CaseTime time(const Case& one, const Timing& timing) {
  const Context cuda = kernels::device_context();
  Arrays arrays, others;
  auto* const cold = others.output<std::byte>(static_cast<std::int64_t>(timing.cold_bytes));
  std::vector<std::pair<kernels::Moment, kernels::Moment>> calls;
  for (int call = 0; call < timing.warmup + timing.repeats; ++call) {
    arrays.begin_again();
    kernels::clear_bytes(cuda, cold, timing.cold_bytes);
    kernels::Moment begin(cuda);
    one.run(arrays);
    if (call >= timing.warmup) calls.emplace_back(std::move(begin), kernels::Moment(cuda));
  }
  CaseTime result{one.name, one.shape, arrays.moved_bytes(), {}};
  for (const auto& [begin, end] : calls) result.seconds.push_back(end.seconds_since(begin));
  std::sort(result.seconds.begin(), result.seconds.end());
  return result;
}

}  // namespace seqpe::costs
