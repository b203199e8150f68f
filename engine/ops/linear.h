#pragma once

#include <cstdint>

#include "engine/core/tensor.h"

namespace seqpe::ops {

/// How a weight matrix lies in memory: GPT-2's "Conv1D" is [in, out], PyTorch's Linear is [out,
/// in].
enum class WeightLayout : std::uint8_t { in_out, out_in };

/// What follows the product in the same pass over memory.
enum class Activation : std::uint8_t { none, gelu_tanh, gelu_erf };

/// activation(x W + bias). x [..., in], bias [out] or undefined -> [..., out]. The matrix product,
/// the bias and the activation are one node: between them only the value before the activation is
/// stored, for backward.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias, WeightLayout layout,
              Activation activation = Activation::none);

/// Columns [begin, begin + count) of x W + bias alone: x [..., in] -> [..., count].
Tensor linear_columns(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      WeightLayout layout, std::int64_t begin, std::int64_t count);

}  // namespace seqpe::ops
