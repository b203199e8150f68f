// What the engine asks of MPI. The calls live in a module of their own (libseqpe_mpi.so), which is
// opened where a launcher started several processes: the command itself needs no MPI.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "engine/dist/signs.h"

namespace seqpe::dist {

/// Not thread-safe: one thread at a time calls. All throw CommunicationError.
class MpiCalls : public Signs {
 public:
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;
  /// Name and version of the implementation.
  virtual std::string version() const = 0;

  /// Something that was begun.
  class Request {
   public:
    virtual ~Request() = default;
    /// Whether it is complete; drives it on.
    virtual bool is_done() = 0;
  };
  /// Piece r of `send` to rank r, its piece into piece r of `receive`; pieces of `bytes`.
  virtual std::unique_ptr<Request> all_to_all(const void* send, void* receive,
                                              std::size_t bytes) = 0;
  /// Piece r of `all` from rank r, in place.
  virtual std::unique_ptr<Request> all_gather(void* all, std::size_t bytes) = 0;
  virtual std::unique_ptr<Request> barrier() = 0;

  /// Ends the use of MPI, together with all ranks.
  virtual void finish() = 0;
  /// Ends all ranks.
  [[noreturn]] virtual void abort(int code) = 0;
};

/// The module's one function, by this name: begins the use of MPI.
inline constexpr const char* kMpiModuleFunction = "seqpe_open_mpi";
using MpiModuleFunction = MpiCalls*();

}  // namespace seqpe::dist
