#include "engine/dist/heartbeat.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

constexpr char kLives = 'l', kEnds = 'e';
constexpr double kSignsInTimeout = 4, kLongestPause = 1;  // seconds
constexpr auto kBetweenLooks = std::chrono::milliseconds(1);

}  // namespace

Heartbeat::Heartbeat(Signs& signs, std::vector<int> listeners, const std::vector<Heard>& heard,
                     double timeout)
    : signs_(signs), listeners_(std::move(listeners)), timeout_(timeout), listened_(Clock::now()) {
  for (const Heard& other : heard) others_.push_back({other.rank, other.name, listened_});
}

void Heartbeat::beat() {
  const std::chrono::duration<double> pause(
      std::min(kLongestPause, timeout_.count() / kSignsInTimeout));
  if (const Clock::time_point now = Clock::now(); now - sent_ >= pause) {
    sent_ = now;
    send(kLives);
  }
  listen();
}

void Heartbeat::send(char sign) {
  for (const int listener : listeners_) signs_.send_sign(listener, sign);
}

void Heartbeat::listen() {
  const Clock::time_point now = Clock::now();
  // Who stood still itself, as all do in a suspended machine, has not listened.
  const bool was_away = now - listened_ > timeout_ / 2;
  listened_ = now;
  for (Other& other : others_) {
    if (was_away) other.heard = now;
    while (!other.ended) {
      const std::optional<char> sign = signs_.receive_sign(other.rank);
      if (!sign) break;
      other.heard = now;
      other.ended = *sign == kEnds;
    }
    require<CommunicationError>(
        other.ended || now - other.heard <= timeout_,
        "[dist] {} gave no sign of life for {} s (dist.timeout): it is stopped, or its host or the "
        "network is down.",
        other.name, timeout_.count());
  }
}

void Heartbeat::end() {
  send(kEnds);
  const auto has_ended = [](const Other& other) { return other.ended; };
  for (listen(); !std::all_of(others_.begin(), others_.end(), has_ended); listen())
    std::this_thread::sleep_for(kBetweenLooks);
}

}  // namespace seqpe::dist
