// How much memory there is for this process.
#pragma once

#include <cstdint>
#include <filesystem>

namespace seqpe {

/// Bytes that this process may use: the machine's memory, or the limit of a control group (version
/// 1 or 2) that it is in, where that is smaller. `root` stands for "/" in tests.
std::int64_t memory_limit(const std::filesystem::path& root = "/");

}  // namespace seqpe
