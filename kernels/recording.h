// Work recorded once and played many times: on a GPU a CUDA graph, whose kernels follow each other
// without the host. What differs from one play to the next must lie in memory that the recorded
// work reads (kernels/feed.h fills it).
#pragma once

#include <functional>
#include <memory>

#include "kernels/common/context.h"

namespace seqpe::kernels {

class Recording {
 public:
  /// Runs `work`, keeping what it asks of the context's stream instead of doing it. Copies from and
  /// to the host are refused meanwhile. Throws what `work` throws; nothing is kept then.
  Recording(const Context& context, const std::function<void()>& work);
  ~Recording();
  Recording(Recording&& other) noexcept;
  Recording& operator=(Recording&& other) noexcept;

  /// Queues all of it on the context's stream. The memory that the work used must still be there.
  void play() const;

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

/// Whether a Recording is being made.
bool is_recording();
/// How many Recordings there are, the one that is being made included.
int recordings();

/// Throws Error with the name of what was asked for if a Recording is being made.
void refuse_while_recording(const char* what);

}  // namespace seqpe::kernels
