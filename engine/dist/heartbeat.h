// Signs of life: ranks tell others that they run, and listen to some. A process that stands still
// is found where others may wait for it long, and is named.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "engine/dist/patience.h"
#include "engine/dist/signs.h"

namespace seqpe::dist {

class Heartbeat {
 public:
  using Clock = std::chrono::steady_clock;
  struct Heard {
    int rank;
    std::string name;  // for messages
  };
  /// `listeners` hear this rank, which hears `heard`: who is silent for `timeout` seconds hangs.
  Heartbeat(Signs& signs, std::vector<int> listeners, const std::vector<Heard>& heard,
            double timeout, std::function<Clock::time_point()> now = Clock::now);

  /// To be called several times within the timeout. Throws CommunicationError.
  void beat();
  /// In good order, as all ranks: waits until those that are heard end too, so that none of their
  /// signs is on its way. Throws CommunicationError.
  void end();

 private:
  struct Other {
    int rank;
    std::string name;
    Waited silence;
    bool ended = false;
  };
  void send(char sign);
  void listen();

  Signs& signs_;
  std::vector<int> listeners_;
  std::vector<Other> others_;
  double timeout_;
  std::function<Clock::time_point()> now_;
  Clock::time_point sent_;
};

}  // namespace seqpe::dist
