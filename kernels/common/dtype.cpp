#include "kernels/common/dtype.h"

#include "kernels/common/error.h"

namespace seqpe {

void throw_wrong_dtype(const char* op, const char* wanted, DType dtype) {
  throw Error(fmt::format("[{}] dtype must be {}, got {}.", op, wanted, name_of(dtype)));
}

}  // namespace seqpe
