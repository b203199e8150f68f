#include "tools/seqpe_engine/scaling.h"

#include <algorithm>

namespace seqpe::tools {

double all_reduce_seconds(double bytes, std::int64_t gpus_a_node, std::int64_t nodes,
                          const Links& links, std::int64_t messages) {
  const auto ranks = static_cast<double>(gpus_a_node * nodes);
  if (ranks <= 1) return 0;
  double bus = links.gpu_gbs;
  if (nodes > 1) bus = gpus_a_node > 1 ? std::min(bus, links.node_gbs) : links.node_gbs;
  return 2 * (ranks - 1) / ranks * bytes / (bus * 1e9) +
         static_cast<double>(messages) * links.latency_us * 1e-6;
}

ScaledStep scaled_step(const StepShape& step, std::int64_t gpus_a_node, std::int64_t nodes,
                       const Links& links) {
  ScaledStep out{.all_reduce_seconds = all_reduce_seconds(step.gradient_bytes, gpus_a_node, nodes,
                                                          links, step.messages)};
  // What backward does not cover, and what comes when there is no backward left.
  const double late_share = step.gradient_bytes > 0 ? step.last_bytes / step.gradient_bytes : 0,
               late = late_share * out.all_reduce_seconds, early = out.all_reduce_seconds - late,
               behind_update = step.gathers_values ? 0.5 : 0.0;
  out.exposed_seconds =
      std::max(0.0, (1 - behind_update) * early - step.overlap_share * step.seconds) +
      (1 - behind_update) * late + behind_update * out.all_reduce_seconds;
  out.seconds = step.seconds + out.exposed_seconds;
  out.efficiency = step.seconds / out.seconds;
  return out;
}

}  // namespace seqpe::tools
