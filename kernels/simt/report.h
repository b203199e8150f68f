// What the emulator finds wrong with a kernel. Collected while the kernel runs, thrown when its
// launch ends.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace seqpe::simt {

/// Keeps a message, unless it is there already; from any thread.
void add_report(std::string message);

template <typename... Args>
void report(fmt::format_string<Args...> message, Args&&... args) {
  add_report(fmt::format(message, std::forward<Args>(args)...));
}

/// Throws Error with every message since the last call, if there is one: "[simt] KERNEL: ...".
void throw_reports(const char* kernel);

}  // namespace seqpe::simt
