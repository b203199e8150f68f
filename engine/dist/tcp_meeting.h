// How ranks find each other by the address of rank 0, as torchrun tells it.
#pragma once

#include <string>
#include <vector>

#include "engine/dist/socket.h"

namespace seqpe::dist {

struct TcpPlace {
  int rank = 0, size = 1, local_rank = 0;
  std::string address = "127.0.0.1";  // of rank 0
  int port = 0;                       // at which it listens
};

/// Of rank 0: to rank 1, 2, ...; of another: to rank 0.
struct TcpConnections {
  std::vector<Socket> texts, signs;
};

/// Rank 0 listens, the others connect; all are there on return. Throws CommunicationError, after
/// `timeout` seconds.
TcpConnections meet_over_tcp(const TcpPlace& place, double timeout);

}  // namespace seqpe::dist
