#include "tools/kernel_costs/case.h"

#include <algorithm>

#include "kernels/common/error.h"
#include "kernels/device.h"
#include "tools/kernel_costs/case_memory.h"

namespace seqpe::costs {

Arrays::~Arrays() {
  for (const Block& block : blocks_) free_zeroed(block.begin);
}

bool Arrays::hold(const void* begin) const {
  return std::any_of(blocks_.begin(), blocks_.end(),
                     [&](const Block& block) { return block.begin == begin; });
}

const std::int64_t* Arrays::indices(const std::vector<std::int64_t>& values) {
  const bool is_new = next_ == blocks_.size();
  auto* device = input<std::int64_t>(static_cast<std::int64_t>(values.size()));
  if (is_new) {
    kernels::copy_to_device(kernels::device_context(), device, values.data(),
                            values.size() * sizeof(values[0]));
  }
  return device;
}

void Arrays::begin_again() {
  next_ = 0;
  moved_ = 0;
}

void* Arrays::allocate(std::size_t bytes) {
  if (next_ == blocks_.size()) {
    void* block = allocate_zeroed(bytes);
    require<DeviceError>(block != nullptr, "[bench] out of memory: an array of {} bytes.", bytes);
    blocks_.push_back({block, bytes});
  }
  const Block& block = blocks_[next_];
  require(block.bytes == bytes,
          "[bench] every call of a case must ask for the same arrays, array {} had {} bytes, got "
          "{}.",
          next_, block.bytes, bytes);
  ++next_;
  return block.begin;
}

}  // namespace seqpe::costs
