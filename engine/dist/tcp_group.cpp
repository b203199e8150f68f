#include "engine/dist/tcp_group.h"

#include <fmt/format.h>

#include <utility>

#include "engine/dist/launch.h"

namespace seqpe::dist {
namespace {

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

void TcpSigns::send_sign(int to, char sign) {
  Deadline deadline(timeout_);
  with(to).send({sign}, deadline);
}

std::optional<char> TcpSigns::receive_sign(int from) {
  if (!with(from).has_news()) return {};
  Deadline deadline(timeout_);
  return with(from).receive(deadline).at(0);
}

TcpGroup::TcpGroup(const TcpPlace& place, double timeout)
    : TcpGroup(place, timeout, meet_over_tcp(place, timeout)) {}

TcpGroup::TcpGroup(const TcpPlace& place, double timeout, TcpConnections others)
    : place_(place),
      timeout_(timeout),
      others_(std::move(others.texts)),
      signs_(std::move(others.signs), place.rank == 0 ? 1 : 0, timeout),
      worker_([this] { beat(); }) {
  std::vector<int> listeners;
  std::vector<Heartbeat::Heard> heard;
  for (int other = 0; other < place.size; ++other) {
    if (other == place.rank || (place.rank != 0 && other != 0)) continue;
    listeners.push_back(other);
    heard.push_back({other, fmt::format("rank {}", other)});
  }
  worker_.ask([&] { heartbeat_.emplace(signs_, listeners, heard, timeout); }).get();
}

/// On the worker, which alone writes silence_. Whoever waits for a text learns of it.
void TcpGroup::beat() {
  if (!heartbeat_) return;
  try {
    heartbeat_->beat();
  } catch (const std::exception& error) {
    heartbeat_.reset();
    {
      const std::scoped_lock lock(mutex_);
      silence_ = error.what();
    }
    for (const Socket& other : others_) other.shut_down();
  }
}

void TcpGroup::leave() {
  worker_
      .ask([this] {
        require<CommunicationError>(silence_.empty(), "{}", silence_);
        if (heartbeat_) heartbeat_->end();
        heartbeat_.reset();
      })
      .get();
}

std::vector<std::string> TcpGroup::gather_until(const std::string& text, Deadline deadline) {
  try {
    return exchange(text, deadline);
  } catch (const CommunicationError&) {
    const std::scoped_lock lock(mutex_);
    if (!silence_.empty()) throw CommunicationError(silence_);
    throw;
  }
}

std::vector<std::string> TcpGroup::exchange(const std::string& text, Deadline& deadline) const {
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
  return gather_until(text, Deadline(timeout_));
}

void TcpGroup::barrier() {
  gather_until("", Deadline(timeout_, kPatience));
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
