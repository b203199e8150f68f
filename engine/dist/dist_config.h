// The section `dist` of the configuration: how processes that train together share the work.
#pragma once

#include <cstdint>

namespace seqpe::dist {

/// The dtype in which gradients travel between ranks.
enum class Wire : std::uint8_t { fp32, bf16 };

struct DistConfig {
  bool deterministic = false;  // the same bits for any number of ranks that divides `shards`
  std::int64_t shards = 4;     // micro-batches of a deterministic step: a power of two
  std::int64_t zero = 0;       // 1: each rank keeps the optimiser's moments of its pieces alone
  double bucket_mb = 25;       // gradients that travel together
  Wire wire = Wire::fp32;
  double timeout = 30;  // seconds that a rank waits for the others
};

}  // namespace seqpe::dist
