#include "kernels/simt/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::simt {
namespace {

constexpr std::size_t kMostReports = 16;  // a wrong kernel is wrong in every thread

std::mutex mutex;
std::vector<std::string> reports;

}  // namespace

void add_report(std::string message) {
  const std::lock_guard lock(mutex);
  if (reports.size() < kMostReports &&
      std::find(reports.begin(), reports.end(), message) == reports.end())
    reports.push_back(std::move(message));
}

void throw_reports(const char* kernel) {
  std::vector<std::string> found;
  {
    const std::lock_guard lock(mutex);
    found.swap(reports);
  }
  require(found.empty(), "[simt] {}: {}", kernel, fmt::join(found, "\n  "));
}

}  // namespace seqpe::simt
