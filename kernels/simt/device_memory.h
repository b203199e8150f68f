// Memory of the emulated device. Blocks are registered with their exact sizes and filled with bytes
// 0xff, which are NaN in every floating type: what a kernel reads before anybody wrote shows.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace seqpe::simt {

struct DeviceBlock {
  std::byte* begin = nullptr;
  std::size_t bytes = 0;
  unsigned number = 0;  // counts allocations
};

/// Aligned to 256 bytes, as cudaMalloc's. Null if there is no memory.
void* allocate_device(std::size_t bytes);
/// The same filled with zeros: memory that nobody touches costs nothing.
void* allocate_zeroed_device(std::size_t bytes);
void free_device(void* pointer);
/// A copy to device memory that no kernel makes; checked.
void write_device(void* to, const void* from, std::size_t bytes);
/// What all blocks of allocate_device may have together.
void set_device_capacity(std::size_t bytes);
/// Throws Error unless the bytes lie in one block.
void check_range(const void* begin, std::size_t bytes);
/// The block that holds the address, if one does.
std::optional<DeviceBlock> find_device_block(const void* pointer);
/// All blocks, by address.
std::vector<DeviceBlock> device_blocks();

}  // namespace seqpe::simt
