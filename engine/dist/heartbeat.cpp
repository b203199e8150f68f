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
                     double timeout, std::function<Clock::time_point()> now)
    : signs_(signs), listeners_(std::move(listeners)), timeout_(timeout), now_(std::move(now)) {
  for (const Heard& other : heard) others_.push_back({other.rank, other.name, Waited(now_())});
}

void Heartbeat::beat() {
  const std::chrono::duration<double> pause(std::min(kLongestPause, timeout_ / kSignsInTimeout));
  if (const Clock::time_point now = now_(); now - sent_ >= pause) {
    sent_ = now;
    send(kLives);
  }
  listen();
}

void Heartbeat::send(char sign) {
  for (const int listener : listeners_) signs_.send_sign(listener, sign);
}

void Heartbeat::listen() {
  for (Other& other : others_) {
    const double silent = other.silence.seconds(now_());
    bool is_heard = false;
    while (!other.ended) {
      const std::optional<char> sign = signs_.receive_sign(other.rank);
      if (!sign) break;
      is_heard = true;
      other.ended = *sign == kEnds;
    }
    if (is_heard) other.silence.restart();
    require<CommunicationError>(
        other.ended || is_heard || silent <= timeout_,
        "[dist] {} gave no sign of life for {} s (dist.timeout): it is stopped, or its host or the "
        "network is down.",
        other.name, timeout_);
  }
}

void Heartbeat::end() {
  send(kEnds);
  Waited waited(now_());
  for (listen(); true; listen()) {
    const auto late = std::find_if(others_.begin(), others_.end(),
                                   [](const Other& other) { return !other.ended; });
    if (late == others_.end()) return;
    if (waited.seconds(now_()) > kPatience * timeout_)
      throw_late(("the work of " + late->name).c_str(), timeout_, kPatience);
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

}  // namespace seqpe::dist
