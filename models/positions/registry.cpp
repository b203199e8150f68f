#include "models/positions/registry.h"

#include <fmt/ranges.h>

#include "models/positions/alibi.h"
#include "models/positions/learned.h"
#include "models/positions/rotary.h"
#include "models/positions/sinusoidal.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {
namespace {

using Made = std::unique_ptr<PositionEncoding>;
using Settings = const PositionSettings&;

Made make_seqpe(Settings s) {
  return std::make_unique<SeqpePosition>(s.seqpe, s.layers, s.width, s.heads, s.dtype);
}
Made make_learned(Settings s) {
  return std::make_unique<LearnedPosition>(s.train_length, s.width, s.dtype);
}
Made make_sinusoidal(Settings s) {
  return std::make_unique<SinusoidalPosition>(s.train_length, s.width, s.rotary_base);
}
Made make_rotary(Settings s) {
  return std::make_unique<RotaryPosition>(s.train_length, s.heads, s.width / s.heads,
                                          s.rotary_base);
}
Made make_alibi(Settings s) {
  return std::make_unique<AlibiPosition>(s.train_length, s.heads);
}
Made make_none(Settings) {
  return std::make_unique<NoPosition>();
}

}  // namespace

const std::vector<PositionKind>& position_kinds() {
  static const std::vector<PositionKind> kinds{{"seqpe", make_seqpe, {"seqpe."}},
                                               {"learned", make_learned, {"data.block_size"}, true},
                                               {"sinusoidal", make_sinusoidal, {"model.rotary."}},
                                               {"rotary", make_rotary, {"model.rotary."}},
                                               {"alibi", make_alibi},
                                               {"none", make_none}};
  return kinds;
}

std::vector<std::string> position_names() {
  std::vector<std::string> names;
  for (const PositionKind& kind : position_kinds()) names.emplace_back(kind.name);
  return names;
}

const PositionKind& position_kind(const std::string& name) {
  for (const PositionKind& kind : position_kinds()) {
    if (name == kind.name) return kind;
  }
  throw ConfigError(fmt::format("[positions] there is no encoding '{}', only {}.", name,
                                fmt::join(position_names(), ", ")));
}

}  // namespace seqpe::models
