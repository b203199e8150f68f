// Signs of life: ranks tell others that they run, and listen to some. A process that stands still
// is found where others may wait for it long, and is named.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "engine/dist/signs.h"

namespace seqpe::dist {

class Heartbeat {
 public:
  struct Heard {
    int rank;
    std::string name;  // for messages
  };
  /// `listeners` hear this rank, which hears `heard`: who is silent for `timeout` seconds hangs.
  Heartbeat(Signs& signs, std::vector<int> listeners, const std::vector<Heard>& heard,
            double timeout);

  /// To be called several times within the timeout. Throws CommunicationError.
  void beat();
  /// In good order, as all ranks: no sign is on its way on return. Throws CommunicationError.
  void end();

 private:
  using Clock = std::chrono::steady_clock;
  struct Other {
    int rank;
    std::string name;
    Clock::time_point heard;
    bool ended = false;
  };
  void send(char sign);
  void listen();

  Signs& signs_;
  std::vector<int> listeners_;
  std::vector<Other> others_;
  std::chrono::duration<double> timeout_;
  Clock::time_point sent_, listened_;
};

}  // namespace seqpe::dist
