// What the emulator finds wrong with a kernel. Collected while the kernel runs, thrown when its
// launch ends.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "kernels/simt/thread.h"

namespace seqpe::simt {

/// Where in the kernel's code a fault is, or between which two places: return addresses.
struct Place {
  const void* site = nullptr;
  const void* other = nullptr;
};

/// Keep a message; from any thread of the operating system. `fault` tells kinds of faults apart.
void add_report(std::string message);
void add_report(const char* fault, const Place& place, const Thread& thread, std::string message);

/// What is wrong with a block as a whole.
template <typename... Args>
void report(fmt::format_string<Args...> message, Args&&... args) {
  add_report(fmt::format(message, std::forward<Args>(args)...));
}

/// What a thread does wrong. A wrong line is wrong in most threads: it is told once,
/// of the first thread, and how many others did the same.
template <typename... Args>
void report_at(const Place& place, const Thread& thread, fmt::format_string<Args...> message,
               Args&&... args) {
  const fmt::string_view text = message;
  add_report(text.data(), place, thread, fmt::format(message, std::forward<Args>(args)...));
}

/// Writes the messages to a file: takes no lock and no memory, for a program that ends.
void write_reports(int file);

/// Throws Error with every message since the last call, if there is one: "[simt] KERNEL: ...".
void throw_reports(const char* kernel);

}  // namespace seqpe::simt
