// Initialisers: plain values, so that a module can say how its parameters start and a model can do
// it later, by name.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/core/tensor.h"

namespace seqpe::nn {

struct Init {
  enum class Kind : std::uint8_t { constant, normal, uniform };
  Kind kind = Kind::constant;
  double value = 0.0;  // the constant, the standard deviation, or the bound of [-value, value)

  static Init zeros() { return {Kind::constant, 0.0}; }
  static Init ones() { return {Kind::constant, 1.0}; }
  static Init normal(double standard_deviation) { return {Kind::normal, standard_deviation}; }
  static Init uniform(double bound) { return {Kind::uniform, bound}; }
};

/// Fills `tensor`. The numbers depend on the seed and the parameter's name only, not on the order
/// of initialisation.
void initialize(const Tensor& tensor, const Init& init, std::uint64_t seed, std::string_view name);

}  // namespace seqpe::nn
