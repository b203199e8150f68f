#include "kernels/cuda/scratch_shortage.h"

#include "kernels/device.h"
#include "kernels/recording.h"

namespace seqpe::kernels {
namespace {

void (*release_others)() = nullptr;

}  // namespace

void on_scratch_shortage_on_device(void (*release)()) {
  release_others = release;
}

void cuda::ask_others_to_give_way() {
  if (release_others != nullptr && !is_recording()) release_others();
}

}  // namespace seqpe::kernels
