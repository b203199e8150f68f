#include "engine/dist/tcp_meeting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
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

Socket connect(const TcpPlace& place, const char* purpose, Deadline& deadline) {
  Socket socket = Socket::connect(place.address, place.port, deadline);
  socket.name("rank 0");
  socket.send(greeting(place.rank, place.size, purpose), deadline);
  const std::string answer = socket.receive(deadline);
  require<CommunicationError>(answer.empty(), "[dist] rank 0 at {}:{} refused: {}.", place.address,
                              place.port, answer);
  return socket;
}

/// What a stranger says is not waited for.
std::optional<std::string> said_by(const Socket& socket) {
  try {
    Deadline soon(kGreetingSeconds);
    return socket.receive(soon);
  } catch (const CommunicationError&) {
    return {};
  }
}

void refuse(const Socket& socket, const std::string& reason, Deadline& deadline) {
  try {
    socket.send(reason, deadline);
  } catch (const CommunicationError&) {
    // it did not wait for an answer
  }
}

/// A connection that a rank makes.
struct Expected {
  int rank;
  std::string greeting;
  std::optional<Socket> socket;
};

[[noreturn]] void throw_missing(const std::vector<Expected>& expected, const TcpPlace& place,
                                double timeout) {
  std::set<int> missing;
  for (const Expected& one : expected) {
    if (!one.socket) missing.insert(one.rank);
  }
  throw CommunicationError(
      fmt::format("[dist] of {} ranks these did not come to port {} of rank 0 within {} s "
                  "(dist.timeout): {}. Hint: their own messages; MASTER_ADDR, MASTER_PORT and "
                  "WORLD_SIZE there.",
                  place.size, place.port, timeout, fmt::join(missing, ", ")));
}

/// For each purpose those of ranks 1, 2, ...
std::array<std::vector<Socket>, 2> accept_all(const TcpPlace& place, double timeout) {
  Deadline deadline(timeout);
  const Listener listener(place.port);
  std::vector<Expected> expected;
  for (const char* purpose : kPurposes) {
    for (int rank = 1; rank < place.size; ++rank)
      expected.push_back({rank, greeting(rank, place.size, purpose), {}});
  }
  for (std::size_t found = 0; found < expected.size();) {
    std::optional<Socket> socket = listener.accept(deadline);
    if (!socket) throw_missing(expected, place, timeout);
    const std::optional<std::string> said = said_by(*socket);
    if (!said) continue;
    const auto known = std::find_if(expected.begin(), expected.end(),
                                    [&](const Expected& one) { return one.greeting == *said; });
    if (known == expected.end() || known->socket) {
      refuse(*socket,
             fmt::format("'{}' {} here, where {} ranks meet: two jobs on one port (MASTER_PORT)?",
                         *said, known == expected.end() ? "is not expected" : "came already",
                         place.size),
             deadline);
      continue;
    }
    socket->name(fmt::format("rank {}", known->rank));
    socket->send("", deadline);
    known->socket = std::move(socket);
    ++found;
  }
  std::array<std::vector<Socket>, 2> out;
  for (std::size_t i = 0; i < expected.size(); ++i)
    out[i / static_cast<std::size_t>(place.size - 1)].push_back(std::move(*expected[i].socket));
  return out;
}

}  // namespace

TcpConnections meet_over_tcp(const TcpPlace& place, double timeout) {
  TcpConnections out;
  if (place.rank == 0) {
    auto all = accept_all(place, timeout);
    out = {std::move(all[0]), std::move(all[1])};
  } else {
    Deadline deadline(timeout);
    out.texts.push_back(connect(place, kPurposes[0], deadline));
    out.signs.push_back(connect(place, kPurposes[1], deadline));
  }
  return out;
}

}  // namespace seqpe::dist
