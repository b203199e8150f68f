// Who computes attention on a GPU: the engine's own kernels, or cuDNN's where it can.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace seqpe::kernels {

/// The first cuDNN whose attention takes every number of keys, as the library tells its version:
/// those before read past the last key where it is no multiple of 128.
constexpr std::int64_t kFirstCudnn = 91600;

enum class AttentionBackend : std::uint8_t {
  own,
  cudnn,     // cuDNN's wherever it can, its masks of dropout and its order of sums included
  automatic  // cuDNN's where neither is at stake: no dropout, and a backward that is known to add
             // up in one order
};

/// For the whole process; at first own. `tell` is called with a line, once for each reason why
/// `cudnn` cannot be had since it was chosen; null: nobody is told.
void use_attention(AttentionBackend backend, void (*tell)(const std::string& line) = nullptr);
AttentionBackend attention_backend();

/// Keeps why cuDNN is not had and, if `cudnn` was chosen, tells it.
void attention_falls_back(const std::string& why);
/// All that was kept since a backend was chosen; of `automatic` too, which tells nobody.
std::set<std::string> reasons_for_own_attention();

/// How often cuDNN computed attention for this process; work that is recorded counts once.
struct CudnnAttentionRuns {
  std::int64_t forward = 0, backward = 0;
};
CudnnAttentionRuns cudnn_attention_runs();
void count_cudnn_attention(bool backward);

}  // namespace seqpe::kernels
