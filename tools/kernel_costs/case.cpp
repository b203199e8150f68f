#include "tools/kernel_costs/case.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/simt/device_memory.h"

namespace seqpe::costs {

Arrays::~Arrays() {
  for (void* block : blocks_) simt::free_device(block);
}

bool Arrays::hold(const void* begin) const {
  return std::find(blocks_.begin(), blocks_.end(), begin) != blocks_.end();
}

void* Arrays::allocate(std::size_t bytes) {
  void* block = simt::allocate_zeroed_device(bytes);
  require<DeviceError>(block != nullptr, "[bench] out of memory: an array of {} bytes.", bytes);
  blocks_.push_back(block);
  return block;
}

std::vector<Case> all_cases() {
  std::vector<Case> all = row_cases();
  for (const auto& cases : {table_cases(), attention_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

}  // namespace seqpe::costs
