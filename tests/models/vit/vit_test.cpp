#include "models/vit/vit.h"

#include <gtest/gtest.h>

#include "engine/ops/cross_entropy.h"
#include "engine/ops/rows.h"
#include "models/positions/registry.h"
#include "tests/support/directional_check.h"
#include "tests/support/expect_error.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kPatch = 2, kWidth = 8, kClasses = 3;
constexpr nn::Pass kTraining{.training = true, .seed = 3, .step = 5};

VitOptions options_of(double dropout) {
  return {.layers = 2,
          .width = kWidth,
          .heads = 2,
          .patch = kPatch,
          .classes = kClasses,
          .dropout = {dropout, dropout, dropout},
          .drop_path = dropout,
          .dtype = DType::f64};
}

Vit make_vit(const std::string& position = "none", double dropout = 0.0) {
  return Vit(options_of(dropout), make_position(position, {.layers = 2,
                                                           .width = kWidth,
                                                           .heads = 2,
                                                           .trained = {2, 3},
                                                           .dtype = DType::f64,
                                                           .rotary_base = 100.0,
                                                           .seqpe = {}}));
}

Tensor images_of(std::int64_t batch, std::int64_t rows = 2, std::int64_t columns = 3) {
  return test::random_tensor({batch, 3, rows * kPatch, columns * kPatch}, 1, DType::f32);
}

TEST(Vit, NamesAreThoseOfTimm) {
  const Vit vit = make_vit("learned");
  const auto names = test::names_of(vit);
  EXPECT_EQ(names.size(), 4 + 1 + 2 * 12 + 3U);
  for (const char* name :
       {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias",
        "blocks.1.norm1.weight", "blocks.0.attn.qkv.weight", "blocks.1.mlp.fc2.bias", "norm.weight",
        "head.weight", "head.bias"})
    EXPECT_EQ(std::ranges::count(names, name), 1) << name;
  EXPECT_EQ(vit.parameter("patch_embed.proj.weight").shape(), (Shape{kWidth, 3, kPatch, kPatch}));
  EXPECT_EQ(vit.parameter("head.weight").shape(), (Shape{kClasses, kWidth}));
  EXPECT_EQ(vit.parameter("pos_embed").shape(), (Shape{1, 7, kWidth}));
}

TEST(Vit, PermutedPatchesGiveTheSameWithoutPositions) {
  Vit vit = make_vit();
  test::randomize(vit);
  const Tensor images = images_of(1), moved = images.clone();
  // The left column of patches and the right one exchanged.
  for (std::int64_t line = 0; line < 3 * 2 * kPatch; ++line) {
    float* pixels = moved.data_as<float>() + line * 3 * kPatch;
    std::swap_ranges(pixels, pixels + kPatch, pixels + 2 * kPatch);
  }
  test::expect_close(vit.forward(moved, {}, {}), vit.forward(images, {}, {}), 1e-12);
  Vit placed = make_vit("sinusoidal");
  test::randomize(placed);
  const Tensor pe = placed.position().embed(at_origin({2, 3}), {});
  EXPECT_FALSE(test::elements<double>(placed.forward(moved, pe, {})) ==
               test::elements<double>(placed.forward(images, pe, {})));
}

TEST(Vit, MicroBatchesAreRowsOfTheBatch) {
  Vit vit = make_vit("sinusoidal", 0.3);
  test::randomize(vit);
  const Tensor images = images_of(4), pe = vit.position().embed(at_origin({2, 3}), {});
  const Tensor whole = vit.forward(images, pe, kTraining);
  EXPECT_EQ(whole.shape(), (Shape{4, kClasses}));
  for (std::int64_t b = 0; b < 4; b += 2) {
    nn::Pass pass = kTraining;
    pass.first_row = b;
    test::expect_close(vit.forward(images.rows(b, b + 2), pe, pass), whole.rows(b, b + 2), 1e-12);
  }
}

TEST(Vit, TakesAnyGrid) {
  for (const PositionKind& kind : position_kinds()) {
    if (!kind.can.images || kind.name == std::string("seqpe")) continue;
    SCOPED_TRACE(kind.name);
    Vit vit = make_vit(kind.name);
    test::randomize(vit);
    const Tensor images = images_of(2, 4, 5);
    const Tensor pe = vit.position().embed(at_origin(vit.grid_of(8, 10)), {});
    EXPECT_EQ(vit.forward(images, pe, {}).shape(), (Shape{2, kClasses}));
  }
}

TEST(Vit, GradientsOfEveryEncoding) {
  for (const PositionKind& kind : position_kinds()) {
    if (!kind.can.images || kind.name == std::string("seqpe")) continue;
    SCOPED_TRACE(kind.name);
    Vit vit = make_vit(kind.name, 0.2);
    test::randomize(vit);
    const Tensor images = images_of(2), labels = Tensor::from<std::int64_t>({2}, {0, 2});
    test::expect_directional_gradients(
        [&] {
          const Tensor pe = vit.position().embed(at_origin({2, 3}), kTraining);
          return ops::cross_entropy(vit.forward(images, pe, kTraining), labels).loss;
        },
        vit.parameters(), 1e-6);
  }
}

TEST(Vit, DropPathActsInTrainingAlone) {
  VitOptions options = options_of(0.0);
  options.drop_path = 0.5;
  Vit vit(options, std::make_unique<NoPosition>());
  test::randomize(vit);
  Vit plain = make_vit();
  test::randomize(plain);
  const Tensor images = images_of(16);
  const Tensor dropped = vit.forward(images, {}, kTraining), kept = plain.forward(images, {}, {});
  EXPECT_FALSE(test::same_bits(dropped, kept));
  test::expect_same(vit.forward(images, {}, {}), kept);
  // It grows over the depth from 0, so the first of two blocks and a single one drop nothing.
  options.layers = 1;
  Vit single(options, std::make_unique<NoPosition>());
  test::randomize(single);
  test::expect_same(single.forward(images, {}, kTraining), single.forward(images, {}, {}));
}

TEST(Vit, Errors) {
  const Vit vit = make_vit();
  test::expect_error([&] { static_cast<void>(vit.grid_of(5, 4)); },
                     "[vit] height and width of an image must be multiples of the patch 2, got 5 "
                     "and 4.");
  VitOptions uneven = options_of(0.0);
  uneven.heads = 3;
  test::expect_error<ConfigError>(
      [&] { const Vit refused(uneven, std::make_unique<NoPosition>()); },
      "[vit] model.width must be a multiple of model.heads, got 8 and "
      "3.");
  VitOptions empty = options_of(0.0);
  empty.layers = 0;
  test::expect_error<ConfigError>([&] { const Vit refused(empty, std::make_unique<NoPosition>()); },
                                  "[vit] model.layers must be >= 1, got 0.");
}

}  // namespace
}  // namespace seqpe::models
