#include "models/positions/registry.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "models/positions/alibi.h"
#include "models/positions/learned.h"
#include "models/positions/learned_grid.h"
#include "models/positions/rotary.h"
#include "models/positions/rotary_2d.h"
#include "models/positions/sinusoidal.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {
namespace {

using Made = std::unique_ptr<PositionEncoding>;
using Settings = const PositionSettings&;

/// Of a line, on which a class token stands before the patches.
std::int64_t tokens_of(Settings s) {
  return at_origin(s.trained).tokens() + (s.is_grid() ? 1 : 0);
}

Made make_seqpe(Settings s) {
  return std::make_unique<SeqpePosition>(
      s.seqpe, SeqpePosition::Model{.layers = s.layers,
                                    .width = s.width,
                                    .heads = s.heads,
                                    .class_token = s.is_grid(),
                                    .blocks = s.is_grid() ? "blocks" : "h",
                                    .dtype = s.dtype});
}
Made make_learned(Settings s) {
  if (!s.is_grid()) return std::make_unique<LearnedPosition>(s.trained[0], s.width, s.dtype);
  const Interpolation resizing =
      s.interpolate == Interpolation::none ? Interpolation::bicubic : s.interpolate;
  return std::make_unique<LearnedGridPosition>(s.trained, s.width, resizing, s.dtype);
}
Made make_sinusoidal(Settings s) {
  return std::make_unique<SinusoidalPosition>(tokens_of(s), s.width, s.rotary_base);
}
Made make_rotary(Settings s) {
  return std::make_unique<RotaryPosition>(tokens_of(s), s.heads, s.width / s.heads, s.rotary_base);
}
Made make_rotary_2d(Settings s) {
  return std::make_unique<Rotary2dPosition>(s.trained, s.heads, s.width / s.heads, s.rotary_base,
                                            s.dtype);
}
Made make_rotary_mixed(Settings s) {
  return std::make_unique<RotaryMixedPosition>(
      RotaryMixedPosition::Options{.trained = s.trained,
                                   .layers = s.layers,
                                   .heads = s.heads,
                                   .head_size = s.width / s.heads,
                                   .base = s.rotary_base,
                                   .layout = s.rotary_layout,
                                   .dtype = s.dtype});
}
Made make_alibi(Settings s) {
  return std::make_unique<AlibiPosition>(s.trained[0], s.heads);
}
Made make_none(Settings) {
  return std::make_unique<NoPosition>();
}

}  // namespace

const std::vector<PositionKind>& position_kinds() {
  using enum Interpolation;
  static const std::vector<PositionKind> kinds{
      {"seqpe",
       make_seqpe,
       {"seqpe.", "model.interpolate"},
       {.interpolations = {linear, bilinear, bicubic}}},
      {"learned",
       make_learned,
       {"data.block_size", "model.interpolate"},
       {.interpolations = {linear, bilinear, bicubic}, .has_end = true}},
      {"sinusoidal",
       make_sinusoidal,
       {"model.rotary.base", "model.interpolate"},
       {.interpolations = {linear}}},
      {"rotary",
       make_rotary,
       {"model.rotary.base", "model.interpolate"},
       {.interpolations = {linear}}},
      {"rotary_2d", make_rotary_2d, {"model.rotary.base"}, {.text = false}},
      {"rotary_mixed", make_rotary_mixed, {"model.rotary.layout"}, {.text = false}},
      {"alibi", make_alibi, {}, {.images = false}},
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

std::unique_ptr<PositionEncoding> make_position(const std::string& name,
                                                const PositionSettings& settings) {
  const PositionKind& kind = position_kind(name);
  require<ConfigError>(settings.is_grid() ? kind.can.images : kind.can.text,
                       "[config] model.position {} is no encoding of {}.", name,
                       settings.is_grid() ? "images" : "text");
  std::unique_ptr<PositionEncoding> position = kind.make(settings);
  const Interpolation mode = settings.interpolate;
  if (mode == Interpolation::none) return position;
  std::vector<std::string> allowed{name_of(Interpolation::none)};
  for (const Interpolation known : kind.can.interpolations) {
    if (settings.is_grid() || known == Interpolation::linear) allowed.push_back(name_of(known));
  }
  require<ConfigError>(std::ranges::count(allowed, name_of(mode)) > 0,
                       "[config] model.interpolate must be one of {} with model.position {} on {}, "
                       "got {}.",
                       fmt::join(allowed, ", "), name, settings.is_grid() ? "images" : "text",
                       name_of(mode));
  if (!kind.can.has_end) position->interpolate_from(settings.trained, mode);
  return position;
}

}  // namespace seqpe::models
