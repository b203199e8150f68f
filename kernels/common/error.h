// The exceptions that the library throws. Only the command turns them into exit codes.
// A message reads `[op] what must hold, what came. Hint: what to do.`
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace seqpe {

/// Base of all errors; a broken contract of an op or any other run-time error (exit code 1).
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  virtual int exit_code() const { return 1; }
};

/// One error class a kind, each with the exit code that the command documents.
#define SEQPE_DEFINE_ERROR(Name, code)              \
  class Name : public Error {                       \
   public:                                          \
    using Error::Error;                             \
    int exit_code() const override { return code; } \
  }

SEQPE_DEFINE_ERROR(UsageError, 2);          // a wrong command line
SEQPE_DEFINE_ERROR(ConfigError, 3);         // a wrong configuration
SEQPE_DEFINE_ERROR(DataError, 4);           // missing or malformed data, vocabulary mismatch
SEQPE_DEFINE_ERROR(CheckpointError, 5);     // missing, damaged or foreign checkpoint
SEQPE_DEFINE_ERROR(DeviceError, 6);         // no such device, out of memory
SEQPE_DEFINE_ERROR(DivergedError, 7);       // NaN or Inf in the loss
SEQPE_DEFINE_ERROR(CommunicationError, 8);  // a lost peer, a failed collective
SEQPE_DEFINE_ERROR(StoppedError, 75);       // stopped by a signal, nothing lost
#undef SEQPE_DEFINE_ERROR

/// Less work at once may fit.
class OutOfMemoryError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

/// Throws E with the formatted message unless `condition` holds.
template <typename E = Error, typename... Args>
void require(bool condition, fmt::format_string<Args...> message, Args&&... args) {
  if (!condition) [[unlikely]] {
    throw E(fmt::format(message, std::forward<Args>(args)...));
  }
}

}  // namespace seqpe
