#include "kernels/attention_backend.h"

#include <atomic>
#include <mutex>

namespace seqpe::kernels {
namespace {

std::atomic<AttentionBackend> chosen = AttentionBackend::own;
std::atomic<std::int64_t> forward_runs = 0, backward_runs = 0;

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
  if (chosen.exchange(backend) != backend || told().tell != tell) told().reasons.clear();
  told().tell = tell;
}
AttentionBackend attention_backend() {
  return chosen;
}

void attention_falls_back(const std::string& why) {
  if (attention_backend() == AttentionBackend::own) return;
  const std::lock_guard lock(told().mutex);
  if (!told().reasons.insert(why).second) return;
  if (attention_backend() != AttentionBackend::cudnn || told().tell == nullptr) return;
  told().tell("kernels.attention=cudnn: own kernels compute where cuDNN does not: " + why + ".");
}

std::set<std::string> reasons_for_own_attention() {
  const std::lock_guard lock(told().mutex);
  return told().reasons;
}

CudnnAttentionRuns cudnn_attention_runs() {
  return {forward_runs, backward_runs};
}
void count_cudnn_attention(bool backward) {
  ++(backward ? backward_runs : forward_runs);
}

}  // namespace seqpe::kernels
