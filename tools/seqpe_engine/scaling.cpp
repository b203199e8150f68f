#include "tools/seqpe_engine/scaling.h"

#include <algorithm>

namespace seqpe::tools {

double all_reduce_seconds(double bytes, std::int64_t gpus_a_node, std::int64_t nodes,
                          const Links& links) {
  const auto ranks = static_cast<double>(gpus_a_node * nodes);
  if (ranks <= 1) return 0;
  double bus = links.gpu_gbs;
  if (nodes > 1) bus = gpus_a_node > 1 ? std::min(bus, links.node_gbs) : links.node_gbs;
  return 2 * (ranks - 1) / ranks * bytes / (bus * 1e9) + links.latency_us * 1e-6;
}

ScaledStep scaled_step(const StepShape& step, std::int64_t gpus_a_node, std::int64_t nodes,
                       const Links& links) {
  const auto reduce = [&](double bytes) {
    return all_reduce_seconds(bytes, gpus_a_node, nodes, links);
  };
  ScaledStep out{.all_reduce_seconds = reduce(step.gradient_bytes)};
  // What backward does not cover, and what comes when there is no backward left.
  const double early = reduce(step.gradient_bytes - step.last_bytes);
  out.exposed_seconds =
      std::max(0.0, early - step.backward_share * step.seconds) + reduce(step.last_bytes);
  out.seconds = step.seconds + out.exposed_seconds;
  out.efficiency = step.seconds / out.seconds;
  return out;
}

}  // namespace seqpe::tools
