// The NCCL of this build. Twin files: nccl_library.cpp (a module that speaks it, if one was built),
// nccl_emulated.cpp (the emulated device).
#pragma once

#include "engine/dist/nccl_calls.h"
#include "engine/dist/process_group.h"

namespace seqpe::dist {

/// A communicator that is not connected yet. `host` carries what an emulated one sends, and must
/// outlive it. Throws CommunicationError where there is none.
std::unique_ptr<NcclCalls> make_nccl(ProcessGroup& host);

}  // namespace seqpe::dist
