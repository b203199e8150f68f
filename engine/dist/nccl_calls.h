// What the engine asks of NCCL, on streams of the device. A build for GPUs opens a module of its
// own for it (libseqpe_nccl.so), one with the emulated device answers over MPI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/common/dtype.h"

namespace seqpe::dist {

/// One communicator. Pointers are the device's, counts those of elements of `dtype`. Collectives
/// return when they are queued. All throw CommunicationError.
class NcclCalls {
 public:
  virtual ~NcclCalls() = default;

  /// What rank 0 gives to all, to be found by it.
  virtual std::string unique_id() = 0;
  virtual void connect(const std::string& id, int rank, int size) = 0;

  /// Sum, in place.
  virtual void all_reduce(void* x, std::int64_t count, DType dtype, void* stream) = 0;
  /// Of `x`, pieces of `count`: piece `rank` becomes the sum over the ranks.
  virtual void reduce_scatter(void* x, std::int64_t count, DType dtype, void* stream) = 0;
  /// Piece r of `x`, pieces of `count`, comes from rank r.
  virtual void all_gather(void* x, std::int64_t count, DType dtype, void* stream) = 0;
  /// Piece r of `send` to rank r, its piece into piece r of `receive`.
  virtual void all_to_all(const void* send, void* receive, std::int64_t count, DType dtype,
                          void* stream) = 0;

  /// What went wrong since, meanwhile; empty if nothing did. From any thread.
  virtual std::string error() = 0;
  /// Ends what is queued on the device, which may wait for a lost rank for ever. From any thread;
  /// it may return only when recordings that hold collectives are gone.
  virtual void abort() = 0;
};

/// The module's one function, by this name: a communicator that is not connected yet.
inline constexpr const char* kNcclModuleFunction = "seqpe_open_nccl";
using NcclModuleFunction = NcclCalls*();

}  // namespace seqpe::dist
