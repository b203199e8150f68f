#include "kernels/attention_backend.h"

#include <atomic>
#include <mutex>
#include <set>

namespace seqpe::kernels {
namespace {

std::atomic<AttentionBackend> chosen = AttentionBackend::own;

struct Told {
  std::mutex mutex;
  void (*tell)(const std::string&) = nullptr;
  std::set<std::string> reasons;
};

Told& told() {
  static Told instance;
  return instance;
}

}  // namespace

void use_attention(AttentionBackend backend, void (*tell)(const std::string&)) {
  const std::lock_guard lock(told().mutex);
  told().tell = tell;
  if (chosen.exchange(backend) != backend) told().reasons.clear();
}
AttentionBackend attention_backend() {
  return chosen;
}

void attention_falls_back(const std::string& why) {
  if (attention_backend() != AttentionBackend::cudnn) return;
  const std::lock_guard lock(told().mutex);
  if (told().tell == nullptr || !told().reasons.insert(why).second) return;
  told().tell("kernels.attention=cudnn: own kernels compute where cuDNN does not: " + why + ".");
}

}  // namespace seqpe::kernels
