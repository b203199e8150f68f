#include "kernels/common/profile.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>
#include <thread>

#include "kernels/common/timeline.h"

namespace seqpe::kernels {
namespace {

std::map<std::string_view, KernelTime>& times() {
  static std::map<std::string_view, KernelTime> times;
  return times;
}

// The thread that started the profile: others work beside it, in its time.
std::thread::id profiled;

KernelTimer* innermost = nullptr;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

bool KernelTimer::counting_ = false;

void KernelTimer::begin(const char* name) {
  if (std::this_thread::get_id() != profiled) return;
  name_ = name;
  caller_ = innermost;
  innermost = this;
  begin_compute_span(name);
  begin_ = now();
}

void KernelTimer::end() {
  const double seconds = now() - begin_;
  end_compute_span();
  innermost = caller_;
  if (caller_ != nullptr) caller_->called_ += seconds;
  KernelTime& time = times()[name_];
  time.name = name_;
  time.seconds += seconds - called_;
  ++time.calls;
}

void start_profile() {
  times().clear();
  profiled = std::this_thread::get_id();
  KernelTimer::counting_ = true;
}

std::vector<KernelTime> stop_profile() {
  KernelTimer::counting_ = false;
  std::vector<KernelTime> out;
  for (const auto& [name, time] : times()) out.push_back(time);
  std::sort(out.begin(), out.end(),
            [](const KernelTime& a, const KernelTime& b) { return a.seconds > b.seconds; });
  return out;
}

}  // namespace seqpe::kernels
