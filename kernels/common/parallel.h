// Parallel loops whose result does not depend on the number of threads: the work is cut into chunks
// of a fixed size, each chunk is computed by one thread, in order.
#pragma once

#include <omp.h>

#include <cstdint>

namespace seqpe::kernels {

/// Calls body(begin, end) for consecutive chunks of [0, count), each `chunk` long (the last may be
/// shorter). The cut depends on `count` and `chunk` only, so a partial sum a chunk is the same for
/// any number of threads. Inside another parallel region it runs serially. `body` must not throw.
template <typename Body>
static inline void parallel_chunks(std::int64_t count, std::int64_t chunk, const Body& body) {
  const std::int64_t chunks = (count + chunk - 1) / chunk;
  if (chunks <= 1 || omp_in_parallel()) {
    for (std::int64_t c = 0; c < chunks; ++c) {
      const std::int64_t begin = c * chunk;
      body(begin, begin + chunk < count ? begin + chunk : count);
    }
    return;
  }
#pragma omp parallel for schedule(static)
  for (std::int64_t c = 0; c < chunks; ++c) {
    const std::int64_t begin = c * chunk;
    body(begin, begin + chunk < count ? begin + chunk : count);
  }
}

}  // namespace seqpe::kernels
