// Every position encoding by its name in a configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/positions/position_encoding.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// What an encoding may ask about its model.
struct PositionSettings {
  std::int64_t layers = 0, width = 0, heads = 0;
  std::int64_t train_length = 0;
  DType dtype = DType::f32;
  double rotary_base = 10000.0;
  SeqpeOptions seqpe;
};

struct PositionKind {
  const char* name;
  std::unique_ptr<PositionEncoding> (*make)(const PositionSettings& settings);
  /// Keys of a configuration, beside those of every model, that say what it computes.
  std::vector<std::string> keys = {};
  /// A table with an end, beyond which it is stretched: from position 0 only.
  bool has_end = false;
};

/// The encodings in the order of their names in messages.
const std::vector<PositionKind>& position_kinds();
std::vector<std::string> position_names();
/// Throws ConfigError for a name that is none.
const PositionKind& position_kind(const std::string& name);

}  // namespace seqpe::models
