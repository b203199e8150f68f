// Scratch that the device has no memory for asks others to give theirs back, before it is refused.
#pragma once

namespace seqpe::kernels::cuda {

/// What kernels::on_scratch_shortage_on_device was told. Not while work is recorded, which must
/// free nothing.
void ask_others_to_give_way();

/// allocate(), and once more after others gave way; null if there is still no memory.
template <typename F>
void* allocate_or_ask(const F& allocate) {
  if (void* block = allocate()) return block;
  ask_others_to_give_way();
  return allocate();
}

}  // namespace seqpe::kernels::cuda
