// Memory that kernels keep for themselves: where the device has none left, others are asked to give
// theirs back before it is refused.
#pragma once

#include <cstddef>

namespace seqpe::kernels::cuda {

/// What kernels::on_memory_shortage_on_device was told. Not while work is recorded, which must free
/// nothing.
void ask_others_to_give_way();

/// Throws OutOfMemoryError: so many bytes "for `use`" are not there.
[[noreturn]] void refuse_memory(std::size_t bytes, const char* use);

/// allocate(), and once more after others gave way. Throws OutOfMemoryError if it gives null again.
template <typename F>
void* allocate_or_ask(std::size_t bytes, const char* use, const F& allocate) {
  if (void* block = allocate()) return block;
  ask_others_to_give_way();
  if (void* block = allocate()) return block;
  refuse_memory(bytes, use);
}

}  // namespace seqpe::kernels::cuda
