#include "engine/data/generated_shapes.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"

namespace seqpe::data {
namespace {

// A scene is measured in whole units, this many along a side.
constexpr std::int64_t kSide = std::int64_t{1} << 16;
constexpr std::int64_t kFree = kSide / 8;  // between the shapes, along the longer axis
constexpr std::int64_t kLeastRadius = kSide * 7 / 100, kLargestRadius = kSide * 12 / 100;
constexpr std::int64_t kLargestDistance = kSide * 7 / 10;

enum class Kind : std::uint8_t { disc, square, diamond };
constexpr std::int64_t kKinds = 3;

/// Red, green, blue as they are drawn, not yet bytes.
using WideColor = std::array<std::int64_t, Image::channels>;

struct Shape {
  Kind kind = Kind::disc;
  std::int64_t row = 0, column = 0;  // of the centre
  std::int64_t radius = 0;
  WideColor color{};
};

/// A triangle wave over the pixels: its phase, a 32-bit turn, grows by these along the axes.
struct Wave {
  std::uint32_t start = 0, by_row = 0, by_column = 0;
};

struct Scene {
  std::int64_t label = 0;
  std::array<Shape, 2> shapes;  // red, blue
  WideColor ground{};
  std::array<Wave, 2> waves;
};

PhiloxGenerator generator(std::uint64_t seed, const char* stream, std::int64_t number) {
  return PhiloxGenerator(
      {.seed = seed, .stream = stream_id(stream), .step = static_cast<std::uint32_t>(number)});
}

/// In [low, high].
std::int64_t draw(std::int64_t low, std::int64_t high, PhiloxGenerator& random) {
  return low + random.uniform_int(high - low + 1);
}

void check_index(std::int64_t index) {
  require(index >= 0, "[generated_shapes] an index must be >= 0, got {}.", index);
}

std::int64_t draw_label(std::uint64_t seed, std::int64_t index) {
  PhiloxGenerator random = generator(seed, "generated.labels", index / kGeneratedClasses);
  std::array<std::int64_t, kGeneratedClasses> labels{};
  std::iota(labels.begin(), labels.end(), std::int64_t{0});
  random.shuffle(std::span<std::int64_t>(labels));
  return labels[static_cast<std::size_t>(index % kGeneratedClasses)];
}

/// A red one or a blue one, not yet placed.
Shape draw_shape(std::size_t channel, PhiloxGenerator& random) {
  Shape shape;
  shape.kind = static_cast<Kind>(random.uniform_int(kKinds));
  shape.radius = draw(kLeastRadius, kLargestRadius, random);
  for (std::int64_t& value : shape.color) value = draw(20, 80, random);
  shape.color[channel] = draw(180, 235, random);
  return shape;
}

/// Places the shapes so that the second lies in the label's direction: along an axis but for a
/// third of the way, or diagonally with the shorter way at least 0.52 of the longer. Half an eighth
/// of a turn, where the classes meet, is 0.41.
void place(std::int64_t label, Shape& from, Shape& to, PhiloxGenerator& random) {
  const std::int64_t radii = from.radius + to.radius;
  const std::int64_t longer =
      draw(radii + kFree, std::min(kLargestDistance, kSide - radii), random);
  const bool diagonal = label % 2 == 1;
  const std::int64_t shorter =
      longer * (diagonal ? draw(52, 100, random) : draw(-33, 33, random)) / 100;
  // Clockwise from the right; rows grow downwards.
  constexpr std::array<std::int64_t, kGeneratedClasses> kDown{0, 1, 1, 1, 0, -1, -1, -1};
  constexpr std::array<std::int64_t, kGeneratedClasses> kRight{1, 1, 0, -1, -1, -1, 0, 1};
  const std::int64_t down = kDown[static_cast<std::size_t>(label)];
  const std::int64_t right = kRight[static_cast<std::size_t>(label)];
  const bool longer_by_row = diagonal ? random.uniform_int(2) == 0 : right == 0;
  const auto way = [&](std::int64_t sign, bool is_longer) {
    return is_longer ? sign * longer : (sign == 0 ? shorter : sign * shorter);
  };
  const std::int64_t rows = way(down, longer_by_row), columns = way(right, !longer_by_row);
  const auto start = [&](std::int64_t step) {
    const std::int64_t low = std::max(from.radius, to.radius - step);
    return draw(low, kSide - std::max(from.radius, to.radius + step), random);
  };
  from.row = start(rows);
  from.column = start(columns);
  to.row = from.row + rows;
  to.column = from.column + columns;
}

Scene draw_scene(std::uint64_t seed, std::int64_t index) {
  PhiloxGenerator random = generator(seed, "generated.scene", index);
  Scene scene;
  scene.label = draw_label(seed, index);
  auto& [red, blue] = scene.shapes;
  red = draw_shape(0, random);
  blue = draw_shape(2, random);
  place(scene.label, red, blue, random);
  const std::int64_t brightness = draw(95, 145, random);
  for (std::int64_t& value : scene.ground) value = brightness + draw(-10, 10, random);
  // Of 5 pixels or more along each axis.
  constexpr std::uint32_t kSteepest = 0xffffffffU / 5;
  for (Wave& wave : scene.waves) {
    wave.start = random.next_u32();
    wave.by_row = random.next_u32() % (2 * kSteepest) - kSteepest;
    wave.by_column = random.next_u32() % (2 * kSteepest) - kSteepest;
  }
  return scene;
}

/// From -16 to 16.
std::int64_t height_of(std::uint32_t phase) {
  const auto turn = static_cast<std::int64_t>(phase >> 24);
  return std::abs(turn - 128) / 4 - 16;
}

bool covers(const Shape& shape, std::int64_t row, std::int64_t column) {
  const std::int64_t down = std::abs(row - shape.row), right = std::abs(column - shape.column);
  switch (shape.kind) {
    case Kind::disc:
      return down * down + right * right <= shape.radius * shape.radius;
    case Kind::square:
      return std::max(down, right) <= shape.radius;
    default:
      return down + right <= shape.radius;
  }
}

void paint(const Shape& shape, Image& image) {
  const std::int64_t size = image.width;
  // Units at the middle of a pixel, and the pixels that may be covered.
  const auto middle = [&](std::int64_t pixel) { return (2 * pixel + 1) * kSide / (2 * size); };
  const auto first = [&](std::int64_t center) { return (center - shape.radius) * size / kSide; };
  const auto last = [&](std::int64_t center) {
    return std::min(size - 1, (center + shape.radius) * size / kSide);
  };
  for (std::int64_t row = first(shape.row); row <= last(shape.row); ++row) {
    for (std::int64_t column = first(shape.column); column <= last(shape.column); ++column) {
      if (!covers(shape, middle(row), middle(column))) continue;
      for (std::int64_t channel = 0; channel < Image::channels; ++channel) {
        image.pixels[static_cast<std::size_t>((row * size + column) * Image::channels + channel)] =
            static_cast<std::uint8_t>(shape.color[static_cast<std::size_t>(channel)]);
      }
    }
  }
}

void paint_ground(const Scene& scene, Image& image) {
  auto* pixel = image.pixels.data();
  for (std::int64_t row = 0; row < image.height; ++row) {
    std::array<std::uint32_t, 2> phases{};
    for (std::size_t i = 0; i < phases.size(); ++i)
      phases[i] = scene.waves[i].start + static_cast<std::uint32_t>(row) * scene.waves[i].by_row;
    for (std::int64_t column = 0; column < image.width; ++column) {
      const std::int64_t height = height_of(phases[0]) + height_of(phases[1]);
      for (const std::int64_t value : scene.ground)
        *pixel++ = static_cast<std::uint8_t>(value + height);
      for (std::size_t i = 0; i < phases.size(); ++i) phases[i] += scene.waves[i].by_column;
    }
  }
}

/// Adds -16 to 15 to every byte; colors leave room for it.
void add_noise(PhiloxGenerator random, Image& image) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    bits = i % 4 == 0 ? random.next_u32() : bits >> 8;
    image.pixels[i] = static_cast<std::uint8_t>(image.pixels[i] + (bits & 31U) - 16);
  }
}

}  // namespace

std::int64_t generated_label(std::uint64_t seed, std::int64_t index) {
  check_index(index);
  return draw_label(seed, index);
}

GeneratedImage generated_image(std::uint64_t seed, std::int64_t index, std::int64_t size) {
  require(size >= kLeastGeneratedSize,
          "[generated_shapes] an image must have a size of at least {}, got {}.",
          kLeastGeneratedSize, size);
  check_index(index);
  const Scene scene = draw_scene(seed, index);
  GeneratedImage out{make_image(size, size, "a generated image"), scene.label};
  paint_ground(scene, out.image);
  for (const Shape& shape : scene.shapes) paint(shape, out.image);
  add_noise(generator(seed, "generated.noise", index), out.image);
  return out;
}

}  // namespace seqpe::data
