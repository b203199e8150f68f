// The picture of a step: when each kernel ran and each message travelled, on every rank.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "engine/dist/process_group.h"
#include "kernels/common/timeline.h"

namespace seqpe::tools {

/// What ranks sent each other in a step, in seconds.
struct Communication {
  double all = 0.0, beside_compute = 0.0;
};

/// Of spans that begin in order, a track after the other. Kernels named `wait...` do not compute.
Communication communication_of(const std::vector<kernels::Span>& spans);

/// Runs `step`, which waits for its end, on all ranks at once. Rank 0 writes `file` in the trace
/// event format, which https://ui.perfetto.dev and chrome://tracing show; gives its own part.
Communication write_timeline(const std::filesystem::path& file, Device device,
                             dist::ProcessGroup& ranks, const std::function<void()>& step);

}  // namespace seqpe::tools
