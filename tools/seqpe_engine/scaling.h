// A model of data-parallel training: what a step takes on many GPUs, from what it takes on one and
// from the rates of the links.
#pragma once

#include <cstdint>

namespace seqpe::tools {

/// Rates as nccl-tests tells them: bus bandwidths, in GB/s (10^9 bytes).
struct Links {
  double gpu_gbs = 476;    // between the GPUs of a node
  double node_gbs = 376;   // of the adapters of a node's GPUs together
  double latency_us = 20;  // of a message along all ranks
};

struct ScaledStep {
  double all_reduce_seconds = 0;  // all gradients, if nothing else went on
  double exposed_seconds = 0;     // what of it the step waits for
  double seconds = 0;
  double efficiency = 1;  // of one GPU's rate, a GPU
};

/// Time of all-reduces of so many bytes together: bytes * 2 (n - 1) / n over the slowest bus that
/// they cross, and a latency each.
double all_reduce_seconds(double bytes, std::int64_t gpus_a_node, std::int64_t nodes,
                          const Links& links, std::int64_t messages = 1);

/// What is known of a step on one GPU.
struct StepShape {
  double seconds = 0;         // computing, with the batch of one GPU
  double gradient_bytes = 0;  // as they travel
  double last_bytes = 0;      // of those that are complete only at the end of backward
  std::int64_t messages = 1;  // in which they travel
  // Share of the step in which gradients become complete one after the other, and may travel:
  // backward without its first and last part, about twice the forward's third. Of several
  // micro-batches only the last one's; none where they wait for its end.
  double overlap_share = 0.6;
  bool gathers_values = false;  // ZeRO: half of the traffic comes behind the update
};

ScaledStep scaled_step(const StepShape& step, std::int64_t gpus_a_node, std::int64_t nodes,
                       const Links& links);

}  // namespace seqpe::tools
