#include "kernels/simt/report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/simt/limits.h"
#include "kernels/simt/source_line.h"

namespace seqpe::simt {
namespace {

constexpr std::size_t kMostReports = 16;

struct Report {
  std::string message;
  const char* fault = nullptr;
  std::string line, other_line;
  std::unordered_set<std::uint64_t> threads;  // of the grid
};

std::mutex mutex;
std::vector<Report> reports;

std::uint64_t number_in_grid(const Thread& thread) {
  return block_number() * kMostThreads + thread.linear;
}

}  // namespace

void add_report(std::string message) {
  const std::lock_guard lock(mutex);
  reports.push_back({std::move(message), nullptr, {}, {}, {}});
}

void add_report(const char* fault, const Place& place, const Thread& thread, std::string message) {
  // Not by the addresses: the compiler makes several copies of a line.
  const std::string line = source_line(place.site), other_line = source_line(place.other);
  const std::lock_guard lock(mutex);
  auto found = std::find_if(reports.begin(), reports.end(), [&](const Report& report) {
    return report.fault == fault && report.line == line && report.other_line == other_line;
  });
  if (found == reports.end()) {
    reports.push_back({std::move(message), fault, line, other_line, {}});
    found = reports.end() - 1;
  }
  found->threads.insert(number_in_grid(thread));
}

void write_reports(int file) {
  if (!mutex.try_lock()) return;  // whoever holds it may be the one that died
  const auto write = [file](const char* text, std::size_t size) {
    [[maybe_unused]] const auto written = ::write(file, text, size);
  };
  for (std::size_t i = 0; i < std::min(reports.size(), kMostReports); ++i) {
    write("  ", 2);
    write(reports[i].message.data(), reports[i].message.size());
    write("\n", 1);
  }
}

void throw_reports(const char* kernel) {
  std::vector<Report> found;
  {
    const std::lock_guard lock(mutex);
    found.swap(reports);
  }
  if (found.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(found.size(), kMostReports); ++i) {
    text += (i > 0 ? "\n  " : "") + found[i].message;
    if (const std::size_t threads = found[i].threads.size(); threads > 1)
      text += fmt::format(" (and {} other thread{})", threads - 1, threads > 2 ? "s" : "");
  }
  if (found.size() > kMostReports)
    text += fmt::format("\n  and {} more", found.size() - kMostReports);
  throw Error(fmt::format("[simt] {}: {}", kernel, text));
}

}  // namespace seqpe::simt
