// What every rank reads for itself and all must have the same of.
#pragma once

#include <string>

#include "engine/dist/process_group.h"

namespace seqpe::dist {

/// By every rank. Throws DataError where the fingerprint of a rank is another than that of rank 0;
/// `what`: "weights".
void require_alike(ProcessGroup& ranks, const char* what, const std::string& fingerprint);

}  // namespace seqpe::dist
