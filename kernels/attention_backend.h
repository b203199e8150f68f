// Who computes attention on a GPU: the engine's own kernels, or cuDNN's where it can.
#pragma once

#include <cstdint>
#include <string>

namespace seqpe::kernels {

/// The first cuDNN whose attention takes every number of keys, as the library tells its version:
/// those before read past the last key where it is no multiple of 128.
constexpr std::int64_t kFirstCudnn = 91600;

enum class AttentionBackend : std::uint8_t {
  own,
  cudnn,     // cuDNN's wherever it can, its masks of dropout and its order of sums included
  automatic  // cuDNN's where neither is at stake: no dropout, and a backward of one order
};

/// For the whole process; at first own. `tell` is called with a line, once for each reason why
/// `cudnn` cannot be had since it was chosen; null: nobody is told.
void use_attention(AttentionBackend backend, void (*tell)(const std::string& line) = nullptr);
AttentionBackend attention_backend();

/// Tells, if `cudnn` was asked for, why it is not had.
void attention_falls_back(const std::string& why);

}  // namespace seqpe::kernels
