// The module that speaks MPI, found beside the command.
#pragma once

#include "engine/dist/mpi_calls.h"

namespace seqpe::dist {

/// Opens the module and begins the use of MPI; once a process. Throws CommunicationError where
/// there is none, or it finds no MPI library.
MpiCalls& open_mpi();

/// True if open_mpi() was called.
bool mpi_is_open();

}  // namespace seqpe::dist
