#include "engine/dist/alike.h"

#include "kernels/common/error.h"

namespace seqpe::dist {

void require_alike(ProcessGroup& ranks, const char* what, const std::string& fingerprint) {
  const std::vector<std::string> all = ranks.gather(fingerprint);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    require<DataError>(all[rank] == all[0],
                       "[dist] all processes must have the same {}, rank {} has another than rank "
                       "0. Hint: the same files on each host: the data, the run's folder or the "
                       "checkpoint.",
                       what, rank);
  }
}

}  // namespace seqpe::dist
