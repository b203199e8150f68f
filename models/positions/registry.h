// Every position encoding by its name in a configuration.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/positions/position_encoding.h"
#include "models/positions/rotary_mixed.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// What an encoding may ask about its model.
struct PositionSettings {
  std::int64_t layers = 0, width = 0, heads = 0;
  Extent trained;  // tokens of a sequence, or {rows, columns} of patches
  DType dtype = DType::f32;
  double rotary_base = 10000.0;
  RotaryMixedPosition::Layout rotary_layout = RotaryMixedPosition::Layout::by_head;
  Interpolation interpolate = Interpolation::none;
  SeqpeOptions seqpe;

  /// Of images, whose class token stands before the patches.
  bool is_grid() const { return trained.size() == 2; }
};

/// What an encoding can be asked for.
struct PositionAbilities {
  bool text = true, images = true;
  /// Ways to resize its embeddings to another extent; of text linear alone.
  std::vector<Interpolation> interpolations = {};
  /// A table with an end, beyond which it is stretched: from position 0 only.
  bool has_end = false;
};

struct PositionKind {
  const char* name;
  std::unique_ptr<PositionEncoding> (*make)(const PositionSettings& settings);
  /// Keys of a configuration, beside those of every model, that say what it computes.
  std::vector<std::string> keys = {};
  PositionAbilities can = {};
};

/// The encodings in the order of their names in messages.
const std::vector<PositionKind>& position_kinds();
std::vector<std::string> position_names();
/// Throws ConfigError for a name that is none.
const PositionKind& position_kind(const std::string& name);

/// Throws ConfigError for a name that is none, and for settings that it cannot take.
std::unique_ptr<PositionEncoding> make_position(const std::string& name,
                                                const PositionSettings& settings);

}  // namespace seqpe::models
