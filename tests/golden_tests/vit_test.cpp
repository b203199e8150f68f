#include "models/vit/vit.h"

#include "engine/autograd/backward.h"
#include "engine/autograd/node.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/rows.h"
#include "models/positions/registry.h"
#include "tests/golden_tests/model_support.h"

namespace seqpe {
namespace {

using models::Extent;

/// The bounds of the goldens' README, but where the reference itself computed in float32.
double bound_of(const std::string& position, double bound) {
  if (position == "rotary_2d") return std::max(bound, 1e-6);
  if (position == "rotary" || position == "sinusoidal") return std::max(bound, 1e-7);
  return bound;
}

struct Case {
  Case(const std::filesystem::path& path, const test::Where& where_)
      : golden(path), where(where_), kind(golden.config.at("model").at("position")) {}

  /// With positions that are interpolated so.
  void make(models::Interpolation mode) {
    const auto& config = golden.config.at("model");
    models::VitOptions options{.layers = config.at("layers"),
                               .width = config.at("width"),
                               .heads = config.at("heads"),
                               .patch = config.at("patch"),
                               .classes = config.at("classes"),
                               .activation = test::activation(config.at("activation")),
                               .layer_norm_eps = config.at("layer_norm_eps"),
                               .dtype = where.dtype};
    using Layout = models::RotaryMixedPosition::Layout;
    models::PositionSettings settings{
        .layers = options.layers,
        .width = options.width,
        .heads = options.heads,
        .trained = config.at("grid").get<Extent>(),
        .dtype = where.dtype,
        .rotary_base = config.value("rotary_base", config.value("sinusoidal_base", 10000.0)),
        .rotary_layout = config.value("rotation_layout", "") == "reference" ? Layout::reference
                                                                            : Layout::by_head,
        .interpolate = mode,
        .seqpe = {}};
    if (kind == "seqpe") settings.seqpe = test::seqpe_options(golden.config.at("seqpe"));
    auto position = models::make_position(kind, settings);
    if (auto* seqpe = dynamic_cast<models::SeqpePosition*>(position.get()))
      encoder = &seqpe->encoder();
    vit = std::make_unique<models::Vit>(options, std::move(position));
    test::load_parameters(golden, parameters(), where.dtype);
    vit->move_to(where.device);
    if (encoder != nullptr) encoder->move_to(where.device);
  }

  std::vector<nn::Parameter> parameters() const {
    auto all = vit->parameters();
    if (encoder != nullptr) {
      for (const auto& parameter : encoder->parameters()) all.push_back(parameter);
    }
    return all;
  }

  Tensor on_device(const std::string& name) const {
    return golden.file.tensor(name).to(where.device);
  }

  void expect(const Tensor& ours, const std::string& name) const {
    EXPECT_LE(test::relative_error(ours, golden.file.tensor(name)),
              bound_of(kind, test::output_bound(where.dtype)))
        << name;
  }

  /// Behind the blocks; of the last one the class token alone, which is all that we compute.
  void expect_streams(const std::vector<Tensor>& streams) const {
    ASSERT_FALSE(golden.has(fmt::format("out.block{}", streams.size())));
    for (std::size_t i = 0; i < streams.size(); ++i) {
      const std::string name = fmt::format("out.block{}", i);
      const Tensor theirs = golden.file.tensor(name);
      EXPECT_LE(test::relative_error(streams[i],
                                     i + 1 < streams.size() ? theirs : ops::take_token(theirs, 0)),
                bound_of(kind, test::output_bound(where.dtype)))
          << name;
    }
  }

  /// Our embeddings as the file tells them: of rotary_2d its pairs are (cosine, sine). rotary_mixed
  /// has none before its layers.
  void expect_embeddings(const Tensor& pe, const std::string& name) const {
    if (!golden.has(name) || kind == "rotary_mixed") return;
    if (kind != "rotary_2d") return expect(pe, name);
    const Tensor wide = pe.to(Device::cpu).to(DType::f64), pairs = wide.clone();
    const std::int64_t half = wide.dim(2) / 2;
    for (std::int64_t i = 0; i < wide.numel(); ++i) {
      const std::int64_t row = i / (2 * half), j = i % (2 * half);
      pairs.data_as<double>()[i] =
          wide.data_as<double>()[row * 2 * half + j / 2 + (j % 2 == 0 ? half : 0)];
    }
    expect(pairs, name);
  }

  test::Golden golden;
  test::Where where;
  std::string kind;
  std::unique_ptr<models::Vit> vit;
  const models::SeqpeEncoder* encoder = nullptr;
};

Tensor loss_of(const Case& test_case, const Tensor& logits) {
  const auto& loss = test_case.golden.config.at("loss");
  if (loss.at("kind") == "soft_target")
    return ops::soft_cross_entropy(logits, test_case.on_device("in.targets"));
  const double smoothing =
      loss.at("kind") == "label_smoothing" ? loss.at("smoothing") : nlohmann::json(0.0);
  const Tensor labels = test_case.golden.file.tensor("in.labels");
  return ops::cross_entropy(logits, labels, smoothing).loss;
}

/// The weights of the last block's attention, [B, heads, T, T], for `stream` before it: the columns
/// of a head's values pick as many keys at a time.
Tensor last_attention(const Case& test_case, const Tensor& stream, const Tensor& pe) {
  const autograd::NoGradGuard no_grad;
  const models::Vit& vit = *test_case.vit;
  const nn::SelfAttention& attention = vit.last_block().attention();
  nn::SelfAttention::Extra extra;
  vit.position().at_attention(vit.options().layers - 1,
                              vit.position().prepare(pe, vit.options().dtype), {}, extra);
  Tensor qkv = attention.qkv(vit.last_block().norm_1().forward(stream));
  if (extra.transform) qkv = extra.transform(qkv);
  const Tensor picking = qkv.to(Device::cpu).to(DType::f64);
  const std::int64_t batch = qkv.dim(0), tokens = qkv.dim(1), width = vit.options().width,
                     heads = vit.options().heads, size = width / heads;
  const Tensor weights = Tensor::zeros({batch, heads, tokens, tokens}, DType::f64);
  for (std::int64_t first = 0; first < tokens; first += size) {
    for (std::int64_t row = 0; row < batch * tokens; ++row) {
      double* const values = picking.data_as<double>() + row * 3 * width + 2 * width;
      for (std::int64_t c = 0; c < width; ++c)
        values[c] = row % tokens == first + c % size ? 1.0 : 0.0;
    }
    const Tensor picked = ops::attention(picking.to(qkv.dtype()).to(qkv.device()),
                                         attention.attention_options({}, extra), extra.position)
                              .to(Device::cpu)
                              .to(DType::f64);
    for (std::int64_t i = 0; i < picked.numel(); ++i) {
      const std::int64_t row = i / width, c = i % width, key = first + c % size;
      if (key >= tokens) continue;
      const std::int64_t head = row / tokens * heads + c / size;
      weights.data_as<double>()[(head * tokens + row % tokens) * tokens + key] =
          picked.data_as<double>()[i];
    }
  }
  return weights;
}

/// The positions that the file tells, as blocks of the trained grid; of one dimension: its own.
models::PositionGrid grid_of(const Case& test_case) {
  const auto& model = test_case.golden.config.at("model");
  models::PositionGrid grid = models::at_origin(model.at("grid").get<Extent>());
  if (test_case.kind != "seqpe") return grid;
  const auto positions = test_case.golden.integers("in.positions");
  const std::int64_t dimensions = test_case.golden.config.at("seqpe").at("dimensions");
  if (dimensions == 1) grid = models::line(grid.tokens());
  grid.starts.clear();
  for (std::size_t i = 0; i < positions.size();
       i += static_cast<std::size_t>(grid.tokens() * dimensions))
    grid.starts.insert(grid.starts.end(), positions.begin() + static_cast<std::ptrdiff_t>(i),
                       positions.begin() + static_cast<std::ptrdiff_t>(i) + dimensions);
  EXPECT_EQ(models::positions_of(grid), positions);
  return grid;
}

void check(const std::filesystem::path& path, const test::Where& where) {
  Case test_case(path, where);
  test_case.make(models::Interpolation::none);
  const Tensor pe = test_case.vit->position().embed(grid_of(test_case), {});
  test_case.expect_embeddings(pe, "out.position_embeddings");
  std::vector<Tensor> streams;
  const Tensor logits = test_case.vit->forward(test_case.on_device("in.images"), pe, {}, &streams);
  test_case.expect_streams(streams);
  ASSERT_GE(streams.size(), 2u);
  test_case.expect(last_attention(test_case, streams[streams.size() - 2], pe),
                   "out.attention_last");
  test_case.expect(logits, "out.logits");
  const Tensor loss = loss_of(test_case, logits);
  test_case.expect(loss, "out.loss");
  autograd::backward(loss);
  test::expect_gradients(test_case.golden, "grad.", test_case.parameters(),
                         bound_of(test_case.kind, test::gradient_bound(where.dtype)));
}

TEST(GoldenVit, MatchesTheReference) {
  for (const auto& path : test::golden_files("image", "vit_")) {
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      check(path, where);
    }
  }
}

void check_runs(const std::filesystem::path& path, const test::Where& where) {
  using enum models::Interpolation;
  Case test_case(path, where);
  const autograd::NoGradGuard no_grad;
  for (const auto& run : test_case.golden.config.at("runs")) {
    const std::string key = run.at("key");
    SCOPED_TRACE(key);
    test_case.make(run.at("method") == "extend"
                       ? none
                       : test::choice<models::Interpolation>(
                             run.at("mode"),
                             {{"linear", linear}, {"bilinear", bilinear}, {"bicubic", bicubic}}));
    models::PositionGrid grid = models::at_origin(run.at("grid").get<Extent>());
    if (!run.at("start").is_null()) grid.starts = run.at("start").get<Extent>();
    const Tensor pe = test_case.vit->position().embed(grid, {});
    test_case.expect_embeddings(pe, "out.position_embeddings_" + key);
    const std::string images = fmt::format("in.images_{}x{}", grid.extent[0], grid.extent[1]);
    test_case.expect(test_case.vit->forward(test_case.on_device(images), pe, {}),
                     "out.logits_" + key);
  }
}

TEST(GoldenVit, AtOtherSizes) {
  for (const auto& path : test::golden_files("image", "extrapolate_")) {
    for (const test::Where& where : test::everywhere()) {
      SCOPED_TRACE(path.filename().string() + " " + where.name());
      check_runs(path, where);
    }
  }
}

}  // namespace
}  // namespace seqpe
