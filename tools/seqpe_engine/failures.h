// An evaluation that fails leaves the others standing.
#pragma once

#include <cmath>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "engine/core/allocator.h"
#include "engine/train/log.h"
#include "engine/train/progress.h"
#include "tools/seqpe_engine/sizes.h"

namespace seqpe::tools {

/// Why an evaluation has no result; that the data does not allow one its error tells.
inline constexpr const char* kOutOfMemory = "out of memory";
inline constexpr const char* kNotFinite = "not finite";

/// A failure in a cell of a table.
inline const char* word_of(const std::string& failure) {
  if (failure == kNotFinite) return "nan";
  return failure == kOutOfMemory ? "memory" : "data";
}

/// What `evaluate` gives, or why there is nothing; `loss_of` its loss. `what` ("length 512") stands
/// in messages.
template <typename F, typename Loss>
auto result_or_failure(const std::string& what, Device device, train::Log& log, const F& evaluate,
                       const Loss& loss_of) {
  std::pair<std::optional<decltype(evaluate())>, std::string> out;
  const train::Stopwatch watch;
  allocator(device).reset_peak();
  try {
    out.first = evaluate();
    if (!std::isfinite(loss_of(*out.first))) out = {std::nullopt, kNotFinite};
  } catch (const OutOfMemoryError& error) {
    log.say(fmt::format("{}: {}", what, error.what()));
    out.second = kOutOfMemory;
  } catch (const std::bad_alloc&) {
    log.say(fmt::format("{}: [cpu] out of memory.", what));
    out.second = kOutOfMemory;
  } catch (const DataError& error) {
    log.say(fmt::format("{}: {}", what, error.what()));
    out.second = error.what();
  }
  // What one leaves behind must not keep the next from fitting.
  allocator(device).release_cached();
  log.detail(fmt::format("{}: {:.1f} s, tensors {:.0f} MB at peak", what, watch.seconds(),
                         peak_tensor_megabytes(device)));
  return out;
}

}  // namespace seqpe::tools
