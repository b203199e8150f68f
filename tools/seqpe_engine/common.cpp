#include <fmt/format.h>
#include <omp.h>

#include "engine/core/version.h"
#include "kernels/common/isa.h"
#include "tools/seqpe_engine/commands.h"

namespace seqpe::tools {

std::string version_text() {
  return fmt::format(
      "seqpe_engine {}\ncommit {}\ncompiler {}\nCPU GEMM {}\ninstruction sets {}, in use {}\nCUDA "
      "no",
      version(), SEQPE_COMMIT, SEQPE_COMPILER, SEQPE_GEMM_NAME, SEQPE_ISA_NAMES,
      kernels::name_of(kernels::active_isa()));
}

void set_threads(std::int64_t threads) {
  if (threads > 0) omp_set_num_threads(static_cast<int>(threads));
}

int& exit_code() {
  static int code = 0;
  return code;
}

}  // namespace seqpe::tools
