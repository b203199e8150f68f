#include "kernels/common/parallel.h"

namespace seqpe::kernels {

FirstError::FirstError() = default;
FirstError::~FirstError() = default;

void FirstError::keep() noexcept {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::current_exception();
}

void FirstError::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

}  // namespace seqpe::kernels
