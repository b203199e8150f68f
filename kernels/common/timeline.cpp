#include "kernels/common/timeline.h"

#include <mutex>
#include <optional>

#include "kernels/device.h"
#include "kernels/moment.h"

namespace seqpe::kernels {
namespace {

/// One track, whose spans lie in each other or behind each other.
class TrackRecord {
 public:
  TrackRecord(Track track, const Context& context) : track_(track), context_(context) {}

  void begin(const char* name) {
    open_.push_back(spans_.size());
    spans_.push_back({name, Moment(context_), std::nullopt});
  }
  void end() {
    if (open_.empty()) return;  // it began before the timeline
    spans_[open_.back()].end.emplace(context_);
    open_.pop_back();
  }
  void append_to(std::vector<Span>& out, const Moment& origin) const {
    for (const Recorded& span : spans_) {
      if (!span.end) continue;  // still under way
      out.push_back(
          {span.name, track_, span.begin.seconds_since(origin), span.end->seconds_since(origin)});
    }
  }

 private:
  struct Recorded {
    const char* name;
    Moment begin;
    std::optional<Moment> end;
  };
  Track track_;
  Context context_;
  std::vector<Recorded> spans_;
  std::vector<std::size_t> open_;  // of them, the innermost last
};

struct Timeline {
  TrackRecord compute, communication;
  Moment origin;

  Timeline(const Context& computing, const Context& communicating)
      : compute(Track::compute, computing),
        communication(Track::communication, communicating),
        origin(computing) {}
};

std::mutex guard;
std::optional<Timeline> timeline;

void begin(TrackRecord Timeline::*track, const char* name) {
  const std::scoped_lock lock(guard);
  if (timeline) ((*timeline).*track).begin(name);
}
void end(TrackRecord Timeline::*track) {
  const std::scoped_lock lock(guard);
  if (timeline) ((*timeline).*track).end();
}

}  // namespace

void start_timeline(Device device) {
  const std::scoped_lock lock(guard);
  if (device == Device::cpu) {
    timeline.emplace(Context{}, Context{});
  } else {
    timeline.emplace(device_context(), Context{device, communication_stream()});
  }
}

std::vector<Span> stop_timeline() {
  const std::scoped_lock lock(guard);
  std::vector<Span> spans;
  if (!timeline) return spans;
  timeline->compute.append_to(spans, timeline->origin);
  timeline->communication.append_to(spans, timeline->origin);
  timeline.reset();
  return spans;
}

void begin_compute_span(const char* name) {
  begin(&Timeline::compute, name);
}
void end_compute_span() {
  end(&Timeline::compute);
}

CommunicationSpan::CommunicationSpan(const char* name) {
  begin(&Timeline::communication, name);
}
CommunicationSpan::~CommunicationSpan() {
  end(&Timeline::communication);
}

}  // namespace seqpe::kernels
