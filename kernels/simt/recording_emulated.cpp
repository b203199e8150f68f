// Recording and Feed on the emulated device.
#include <vector>

#include "kernels/common/error.h"
#include "kernels/feed.h"
#include "kernels/recording.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/recording.h"

namespace seqpe::simt {

struct Tape {
  std::vector<std::function<void()>> work;
  std::vector<void*> memory;

  Tape() { ++count; }
  ~Tape() {
    --count;
    for (void* block : memory) free_device(block);
  }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  static inline int count = 0;
};

Tape* current_tape = nullptr;

void keep(std::function<void()> work) {
  current_tape->work.push_back(std::move(work));
}

void keep_memory(void* block) {
  current_tape->memory.push_back(block);
}

}  // namespace seqpe::simt

namespace seqpe::kernels {

struct Recording::Work {
  simt::Tape tape;
};

Recording::Recording(const Context&, const std::function<void()>& work)
    : work_(std::make_unique<Work>()) {
  refuse_while_recording("a recording");
  struct Recorder {
    explicit Recorder(simt::Tape& tape) { simt::current_tape = &tape; }
    ~Recorder() { simt::current_tape = nullptr; }
  };
  const Recorder recorder(work_->tape);
  work();
}
Recording::~Recording() = default;
Recording::Recording(Recording&&) noexcept = default;
Recording& Recording::operator=(Recording&&) noexcept = default;

void Recording::play() const {
  refuse_while_recording("a recording's play");
  for (const auto& work : work_->tape.work) work();
}

bool is_recording() {
  return simt::current_tape != nullptr;
}

int recordings() {
  return simt::Tape::count;
}

struct Feed::Landings {
  std::size_t bytes;
};
Feed::Feed(const Context&, std::size_t bytes) : landings_(new Landings{bytes}) {}
Feed::~Feed() = default;
Feed::Feed(Feed&&) noexcept = default;
Feed& Feed::operator=(Feed&&) noexcept = default;

void Feed::send(void* to, const void* from) {
  refuse_while_recording("a copy from the host");
  simt::write_device(to, from, landings_->bytes);
}

}  // namespace seqpe::kernels
