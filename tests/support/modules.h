// Modules as tests need them: with parameters that are neither 0 nor 1, and the names of all.
#pragma once

#include <string>
#include <vector>

#include "engine/nn/module.h"
#include "tests/support/random_tensor.h"

namespace seqpe::test {

/// Names the module and fills every parameter with numbers of its own in [-0.5, 0.5), those of a
/// layer norm's weight around 1.
inline void randomize(nn::Module& module, const std::string& name = "") {
  module.set_name(name);
  std::uint64_t seed = 100;
  for (const nn::Parameter& parameter : module.parameters()) {
    const bool is_norm = parameter.value.rank() == 1 && parameter.name.ends_with("weight");
    parameter.value.copy_from(random_tensor(parameter.value.shape(), ++seed,
                                            parameter.value.dtype(), is_norm ? 0.5 : -0.5,
                                            is_norm ? 1.5 : 0.5));
  }
}

inline std::vector<std::string> names_of(const nn::Module& module) {
  std::vector<std::string> names;
  for (const nn::Parameter& parameter : module.parameters()) names.push_back(parameter.name);
  return names;
}

}  // namespace seqpe::test
