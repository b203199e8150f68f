#include "engine/dist/tcp_meeting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

constexpr double kGreetingSeconds = 3;
constexpr std::array<const char*, 2> kPurposes = {"", " signs"};  // of a rank's connections

/// What a rank says when it comes: who it is, of how many, and what for.
std::string greeting(int rank, int size, const char* purpose) {
  return fmt::format("seqpe {} {}{}", rank, size, purpose);
}

Socket connect(const TcpPlace& place, const char* purpose, Deadline deadline) {
  Socket socket = Socket::connect(place.address, place.port, deadline);
  socket.send(greeting(place.rank, place.size, purpose), deadline);
  const std::string answer = socket.receive(deadline);
  require<CommunicationError>(answer.empty(), "[dist] rank 0 at {}:{} refused: {}.", place.address,
                              place.port, answer);
  return socket;
}

/// What a stranger says is not waited for.
std::optional<std::string> said_by(const Socket& socket, Deadline deadline) {
  try {
    return socket.receive(std::min(deadline, after(kGreetingSeconds)));
  } catch (const CommunicationError&) {
    return {};
  }
}

void refuse(const Socket& socket, const std::string& reason, Deadline deadline) {
  try {
    socket.send(reason, deadline);
  } catch (const CommunicationError&) {
    // it did not wait for an answer
  }
}

/// The connections that ranks 1, 2, ... make, for each purpose.
std::array<std::vector<Socket>, 2> accept_all(const TcpPlace& place, Deadline deadline) {
  const Listener listener(place.port);
  struct Expected {
    std::string greeting;
    std::optional<Socket> socket;
  };
  std::vector<Expected> expected;
  for (const char* purpose : kPurposes) {
    for (int rank = 1; rank < place.size; ++rank)
      expected.push_back({greeting(rank, place.size, purpose), {}});
  }
  for (std::size_t found = 0; found < expected.size();) {
    Socket socket = listener.accept(deadline);
    const std::optional<std::string> said = said_by(socket, deadline);
    if (!said) continue;
    const auto known = std::find_if(expected.begin(), expected.end(),
                                    [&](const Expected& one) { return one.greeting == *said; });
    if (known == expected.end() || known->socket) {
      refuse(socket,
             fmt::format("'{}' {} here, where {} ranks meet: two jobs on one port (MASTER_PORT)?",
                         *said, known == expected.end() ? "is not expected" : "came already",
                         place.size),
             deadline);
      continue;
    }
    socket.send("", deadline);
    known->socket.emplace(std::move(socket));
    ++found;
  }
  std::array<std::vector<Socket>, 2> out;
  for (std::size_t i = 0; i < expected.size(); ++i)
    out[i / static_cast<std::size_t>(place.size - 1)].push_back(std::move(*expected[i].socket));
  return out;
}

}  // namespace

TcpConnections meet_over_tcp(const TcpPlace& place, Deadline deadline) {
  TcpConnections out;
  if (place.rank == 0) {
    auto [texts, signs] = accept_all(place, deadline);
    return {std::move(texts), std::move(signs)};
  }
  out.texts.push_back(connect(place, kPurposes[0], deadline));
  out.signs.push_back(connect(place, kPurposes[1], deadline));
  return out;
}

Deadline after(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

}  // namespace seqpe::dist
