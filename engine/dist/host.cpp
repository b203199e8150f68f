#include "engine/dist/host.h"

#include <unistd.h>

#include <climits>

namespace seqpe::dist {

std::string host_name() {
  char host[HOST_NAME_MAX + 1] = {};
  ::gethostname(host, sizeof host - 1);
  return host;
}

}  // namespace seqpe::dist
