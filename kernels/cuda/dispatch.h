// From a run-time dtype to the types that device kernels are compiled for: f32 and bf16. f64 is for
// checks on the CPU.
#pragma once

#include "kernels/common/dtype.h"

namespace seqpe::kernels::cuda {

/// Calls f(TypeTag<T>{}) with the C++ type of `dtype`; `op` names the op in the error message.
template <typename F>
void dispatch(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(TypeTag<float>{});
    case DType::bf16:
      return f(TypeTag<bf16>{});
    default:
      throw_wrong_dtype(op, "f32 or bf16 on a cuda device", dtype);
  }
}

}  // namespace seqpe::kernels::cuda
