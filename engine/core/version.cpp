#include "engine/core/version.h"

namespace seqpe {

const char* version() {
  return SEQPE_VERSION;
}

}  // namespace seqpe
