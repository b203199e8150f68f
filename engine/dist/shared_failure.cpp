#include "engine/dist/shared_failure.h"

#include <fmt/format.h>

#include <new>

namespace seqpe::dist {
namespace {

constexpr const char *kMemory = "memory ", *kData = "data ", *kOther = "other ";

/// Its kind and its message.
std::string told(const std::exception_ptr& error) {
  if (!error) return "";
  try {
    std::rethrow_exception(error);
  } catch (const OutOfMemoryError& of_memory) {
    return std::string(kMemory) + of_memory.what();
  } catch (const std::bad_alloc&) {
    return std::string(kMemory) + "[cpu] out of memory.";
  } catch (const DataError& of_data) {
    return std::string(kData) + of_data.what();
  } catch (const std::exception& other) {
    return std::string(kOther) + other.what();
  }
}

}  // namespace

void SharedFailure::attempt(const std::function<void()>& part) {
  if (error_) return;
  try {
    part();
  } catch (const CommunicationError&) {
    throw;
  } catch (...) {
    error_ = std::current_exception();
  }
}

void SharedFailure::throw_together(ProcessGroup& ranks) const {
  if (ranks.size() == 1 && error_) std::rethrow_exception(error_);
  if (ranks.size() == 1) return;
  const std::vector<std::string> all = ranks.gather(told(error_));
  if (error_) std::rethrow_exception(error_);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const std::size_t kind = all[rank].find(' ') + 1;
    if (all[rank].empty()) continue;
    const std::string message = fmt::format("rank {}: {}", rank, all[rank].substr(kind));
    if (all[rank].starts_with(kMemory)) throw OutOfMemoryError(message);
    if (all[rank].starts_with(kData)) throw DataError(message);
    throw Error(message);
  }
}

}  // namespace seqpe::dist
