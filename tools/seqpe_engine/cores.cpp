#include "tools/seqpe_engine/cores.h"

#include <sched.h>

#include <cerrno>
#include <cstring>

#include "kernels/common/error.h"

namespace seqpe::tools {

std::vector<int> allowed_cores() {
  constexpr int kSets = 16;  // of 1024 cores: the call refuses room for fewer than there are
  std::vector<cpu_set_t> allowed(kSets);
  const std::size_t bytes = kSets * sizeof(cpu_set_t);
  require(::sched_getaffinity(0, bytes, allowed.data()) == 0,
          "[cpu] cannot tell the cores of this process: {}.", std::strerror(errno));
  std::vector<int> cores;
  for (int core = 0; core < kSets * CPU_SETSIZE; ++core) {
    if (CPU_ISSET_S(static_cast<std::size_t>(core), bytes, allowed.data())) cores.push_back(core);
  }
  return cores;
}

}  // namespace seqpe::tools
