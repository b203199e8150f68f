#include "tools/seqpe_engine/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/io/file.h"
#include "kernels/common/profile.h"

namespace seqpe::tools {
namespace {

using nlohmann::ordered_json;

struct Interval {
  double begin, end;
};

/// Without overlaps, of intervals that begin in order.
std::vector<Interval> united(const std::vector<kernels::Span>& spans, kernels::Track track) {
  std::vector<Interval> out;
  for (const kernels::Span& span : spans) {
    if (span.track != track || span.name.starts_with("wait")) continue;
    if (!out.empty() && span.begin <= out.back().end) {
      out.back().end = std::max(out.back().end, span.end);
    } else {
      out.push_back({span.begin, span.end});
    }
  }
  return out;
}

/// The events of one rank.
ordered_json events_of(const std::vector<kernels::Span>& spans, int rank) {
  const auto named = [&](const char* what, const std::string& name, int track) {
    return ordered_json{
        {"ph", "M"}, {"name", what}, {"pid", rank}, {"tid", track}, {"args", {{"name", name}}}};
  };
  ordered_json events = {named("process_name", fmt::format("rank {}", rank), 0),
                         named("thread_name", "compute", 0),
                         named("thread_name", "communication", 1)};
  for (const kernels::Span& span : spans) {
    events.push_back({{"ph", "X"},
                      {"name", span.name},
                      {"pid", rank},
                      {"tid", static_cast<int>(span.track)},
                      {"ts", 1e6 * span.begin},
                      {"dur", 1e6 * (span.end - span.begin)}});
  }
  return events;
}

}  // namespace

Communication communication_of(const std::vector<kernels::Span>& spans) {
  const std::vector<Interval> compute = united(spans, kernels::Track::compute),
                              sent = united(spans, kernels::Track::communication);
  Communication out;
  for (const Interval& message : sent) {
    out.all += message.end - message.begin;
    for (const Interval& kernel : compute) {
      out.beside_compute +=
          std::max(0.0, std::min(message.end, kernel.end) - std::max(message.begin, kernel.begin));
    }
  }
  return out;
}

Communication write_timeline(const std::filesystem::path& file, Device device,
                             dist::ProcessGroup& ranks, const std::function<void()>& step) {
  ranks.barrier();  // all begin together: the clocks of several hosts are not compared
  kernels::start_profile();
  kernels::start_timeline(device);
  step();
  const std::vector<kernels::Span> spans = kernels::stop_timeline();
  kernels::stop_profile();
  ordered_json all = ordered_json::array();
  for (const std::string& events : ranks.gather(events_of(spans, ranks.rank()).dump())) {
    for (ordered_json& event : ordered_json::parse(events)) all.push_back(std::move(event));
  }
  if (ranks.is_first()) {
    io::write_file_atomic(
        file, ordered_json{{"displayTimeUnit", "ms"}, {"traceEvents", all}}.dump() + "\n");
  }
  return communication_of(spans);
}

}  // namespace seqpe::tools
