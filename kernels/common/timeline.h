// When each kernel ran and each message travelled: the picture of a few steps, for `seqpe_engine
// bench train --timeline`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/common/context.h"

namespace seqpe::kernels {

enum class Track : std::uint8_t { compute, communication };

/// In seconds since the timeline began, where the work was done: on the device, if it was there.
struct Span {
  std::string name;
  Track track = Track::compute;
  double begin = 0.0, end = 0.0;
};

/// Spans are kept from now on: of what runs under a KernelTimer while a profile counts (profile.h),
/// and of what ranks send. `device` is where the work is done.
void start_timeline(Device device);
/// Stops, and waits for the work. In the order in which the spans began, a track after the other.
std::vector<Span> stop_timeline();

/// A span from construction to destruction, on the communication's track. From any thread, one at a
/// time; nothing if no timeline is kept.
class CommunicationSpan {
 public:
  explicit CommunicationSpan(const char* name);
  ~CommunicationSpan();
  CommunicationSpan(const CommunicationSpan&) = delete;
  CommunicationSpan& operator=(const CommunicationSpan&) = delete;
};

// What a KernelTimer tells.
void begin_compute_span(const char* name);
void end_compute_span();

}  // namespace seqpe::kernels
