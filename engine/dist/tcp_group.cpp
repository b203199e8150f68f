#include "engine/dist/tcp_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/dist/launch.h"

namespace seqpe::dist {
namespace {

Deadline after(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

constexpr double kGreetingSeconds = 3;

/// What a rank says when it comes: who it is, and of how many.
std::string greeting(const TcpPlace& place) {
  return fmt::format("seqpe {} {}", place.rank, place.size);
}

[[noreturn]] void refuse_tensors() {
  throw UsageError(
      fmt::format("[dist] tensors of the cpu travel by MPI alone. Hint: {}", kMpirunLine));
}

/// Texts in one, each behind its length.
std::string packed(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += fmt::format("{} ", text.size()) + text;
  return all;
}

std::vector<std::string> unpacked(const std::string& all) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all.size();) {
    std::size_t digits = 0;
    const std::size_t length = std::stoull(all.substr(at, 24), &digits);
    at += digits + 1;
    texts.push_back(all.substr(at, length));
    at += length;
  }
  return texts;
}

}  // namespace

TcpGroup::TcpGroup(const TcpPlace& place, double timeout) : place_(place), timeout_(timeout) {
  if (place.rank == 0) {
    accept_all(after(timeout));
  } else {
    connect(after(timeout));
  }
}

void TcpGroup::connect(Deadline deadline) {
  others_.push_back(Socket::connect(place_.address, place_.port, deadline));
  others_[0].send(greeting(place_), deadline);
  const std::string answer = others_[0].receive(deadline);
  require<CommunicationError>(answer.empty(), "[dist] rank 0 at {}:{} refused: {}.", place_.address,
                              place_.port, answer);
}

void TcpGroup::accept_all(Deadline deadline) {
  const Listener listener(place_.port);
  std::vector<std::optional<Socket>> places(static_cast<std::size_t>(place_.size));
  for (int found = 1; found < place_.size;) {
    Socket socket = listener.accept(deadline);
    std::string said;
    try {
      said = socket.receive(std::min(deadline, after(kGreetingSeconds)));
    } catch (const CommunicationError&) {
      continue;  // a stranger
    }
    TcpPlace other{.rank = -1};
    for (int rank = 1; rank < place_.size; ++rank) {
      other = {.rank = rank, .size = place_.size};
      if (said == greeting(other)) break;
      other.rank = -1;
    }
    const bool is_known = other.rank > 0;
    if (!is_known || places[static_cast<std::size_t>(other.rank)]) {
      const std::string reason =
          fmt::format("'{}' {} here, where {} ranks meet: two jobs on one port (MASTER_PORT)?",
                      said, is_known ? "came already" : "is not expected", place_.size);
      try {
        socket.send(reason, deadline);
      } catch (const CommunicationError&) {
        // it did not wait for an answer
      }
      continue;
    }
    socket.send("", deadline);
    places[static_cast<std::size_t>(other.rank)].emplace(std::move(socket));
    ++found;
  }
  for (auto socket = places.begin() + 1; socket != places.end(); ++socket)
    others_.push_back(std::move(**socket));
}

std::vector<std::string> TcpGroup::gather_until(const std::string& text, Deadline deadline) const {
  if (!is_first()) {
    others_[0].send(text, deadline);
    return unpacked(others_[0].receive(deadline));
  }
  std::vector<std::string> all{text};
  for (const Socket& other : others_) all.push_back(other.receive(deadline));
  const std::string together = packed(all);
  for (const Socket& other : others_) other.send(together, deadline);
  return all;
}

std::vector<std::string> TcpGroup::gather(const std::string& text) {
  return gather_until(text, after(timeout_));
}

void TcpGroup::barrier() {
  gather_until("", after(kPatience * timeout_));
}

std::unique_ptr<Pending> TcpGroup::all_reduce(const Tensor&, Wire) {
  refuse_tensors();
}
std::unique_ptr<Pending> TcpGroup::reduce_scatter(const Tensor&, Wire) {
  refuse_tensors();
}
std::unique_ptr<Pending> TcpGroup::all_gather(const Tensor&) {
  refuse_tensors();
}

}  // namespace seqpe::dist
