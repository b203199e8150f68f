#include "kernels/cuda/memory_shortage.h"

#include "kernels/common/error.h"
#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe::kernels {
namespace {

void (*release_others)() = nullptr;

}  // namespace

void on_memory_shortage_on_device(void (*release)()) {
  release_others = release;
}

void cuda::ask_others_to_give_way() {
  if (release_others != nullptr && !is_recording()) release_others();
}

void cuda::refuse_memory(std::size_t bytes, const char* use) {
  throw OutOfMemoryError(
      fmt::format("[cuda] out of memory; asked {} bytes for {}{}. Hint: smaller micro-batches "
                  "(train.micro_batch_size) or shorter sequences.",
                  bytes, use, memory_left_on_device()));
}

}  // namespace seqpe::kernels
