// Parallel loops whose result does not depend on the number of threads: the work is cut into chunks
// of a fixed size, each chunk is computed by one thread, in order.
#pragma once

#include <omp.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

namespace seqpe::kernels {

/// The first of the exceptions that the threads of a parallel region threw: none may leave it. Its
/// functions are in parallel.cpp, so that no instruction set gets a copy of its own.
class FirstError {
 public:
  FirstError();
  ~FirstError();
  /// To be called while an exception is handled.
  void keep() noexcept;
  void rethrow() const;

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// Chunks by number, each for one thread: those of its own share in order, whose neighbours it is
/// likely to have in its caches, then what slower threads have left of theirs.
class ChunkShares {
 public:
  ChunkShares(std::int64_t chunks, int threads);
  ~ChunkShares();
  /// A chunk that no thread took; -1 where none is left.
  std::int64_t take(int thread);

 private:
  struct alignas(64) Share {  // a cache line each
    std::atomic<std::int64_t> next;
    std::int64_t end;
  };
  std::vector<Share> shares_;
};

/// Calls body(begin, end) for consecutive chunks of [0, count), each `chunk` long (the last may be
/// shorter). The cut depends on `count` and `chunk` only, so a partial sum a chunk is the same for
/// any number of threads. Inside another parallel region it runs serially. What `body` throws
/// reaches the caller; other chunks may still run before that.
template <typename Body>
static inline void parallel_chunks(std::int64_t count, std::int64_t chunk, const Body& body) {
  const std::int64_t chunks = (count + chunk - 1) / chunk;
  const auto run = [&](std::int64_t c) {
    const std::int64_t begin = c * chunk;
    body(begin, begin + chunk < count ? begin + chunk : count);
  };
  if (chunks <= 1 || omp_in_parallel()) {
    for (std::int64_t c = 0; c < chunks; ++c) run(c);
    return;
  }
  FirstError error;
  ChunkShares shares(chunks, omp_get_max_threads());
#pragma omp parallel
  {
    const int thread = omp_get_thread_num();
    for (std::int64_t c = shares.take(thread); c >= 0; c = shares.take(thread)) {
      try {
        run(c);
      } catch (...) {
        error.keep();
      }
    }
  }
  error.rethrow();
}

}  // namespace seqpe::kernels
