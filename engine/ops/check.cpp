#include "engine/ops/check.h"

namespace seqpe::ops {

void check_floating(const char* op, const char* name, const Tensor& tensor) {
  require(tensor.defined(), "[{}] {} must be a tensor, got an undefined one.", op, name);
  require(is_floating(tensor.dtype()), "[{}] {} must be f32, f64 or bf16, got {}.", op, name,
          name_of(tensor.dtype()));
}

void check_shape(const char* op, const char* name, const Tensor& tensor, const Shape& expected,
                 const char* why) {
  require(tensor.defined(), "[{}] {} must be a tensor, got an undefined one.", op, name);
  require(tensor.shape() == expected, "[{}] {} must have shape {} ({}), got {}.", op, name,
          to_string(expected), why, to_string(tensor.shape()));
}

void check_same_kind(const char* op, const char* name, const Tensor& tensor,
                     const char* reference_name, const Tensor& reference) {
  require(tensor.dtype() == reference.dtype() && tensor.device() == reference.device(),
          "[{}] {} must be {} on {} like {}, got {} on {}.", op, name, name_of(reference.dtype()),
          name_of(reference.device()), reference_name, name_of(tensor.dtype()),
          name_of(tensor.device()));
}

}  // namespace seqpe::ops
