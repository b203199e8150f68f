// Work that ranks share and that may fail on one: all learn of it at the same place.
#pragma once

#include <exception>
#include <functional>

#include "engine/dist/process_group.h"

namespace seqpe::dist {

/// What this rank's parts of a piece of work threw. After the first failure the others are left
/// out, so that the rank comes to throw_together() like all.
class SharedFailure {
 public:
  void attempt(const std::function<void()>& part);
  /// To be called by every rank. Throws on each if one failed: what this one threw, or the other's
  /// message as an error of its kind (OutOfMemoryError, DataError, or else Error).
  void throw_together(ProcessGroup& ranks) const;

 private:
  std::exception_ptr error_;
};

}  // namespace seqpe::dist
