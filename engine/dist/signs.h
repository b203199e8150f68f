// Characters between ranks that nobody waits for, beside what else travels.
#pragma once

#include <optional>

namespace seqpe::dist {

/// Not thread-safe. All throw CommunicationError.
class Signs {
 public:
  virtual ~Signs() = default;
  /// Waits only where a rank that was sent thousands of signs reads none.
  virtual void send_sign(int to, char sign) = 0;
  /// The next one from a rank, if it is there.
  virtual std::optional<char> receive_sign(int from) = 0;
};

}  // namespace seqpe::dist
