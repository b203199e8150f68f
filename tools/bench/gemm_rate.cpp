// The engine's f32 matrix product beside a bare oneDNN call, on the products of a training step of
// GPT-2 124M or ViT-S: forward, gradient of the input, gradient of the weight. The two take turns;
// medians of the third argument's turns (9) are printed with their ratio.
//
//   cmake --build --preset cpu --target gemm_rate
//
//   OMP_NUM_THREADS=2 taskset -c 0,1 build/cpu/bin/gemm_rate gpt2 2048
//   OMP_NUM_THREADS=2 taskset -c 0,1 build/cpu/bin/gemm_rate vit_s 1576
#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <random>
#include <string_view>
#include <vector>

#include "kernels/matmul.h"

namespace {

using namespace seqpe;

constexpr std::int64_t kVocabularyChunk = 50257, kHeadRows = 500;

struct Model {
  std::string_view name;
  std::int64_t width;
  bool out_in;  // weights lie as [out, in]
  bool vocabulary;
};
constexpr Model kModels[] = {{"gpt2", 768, false, true}, {"vit_s", 384, true, false}};

struct Product {
  const char* name;
  std::int64_t m, n, k;
  bool trans_a, trans_b;
};

double seconds_of(const std::function<void()>& run) {
  const auto begin = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Numbers of many bits, as a network has them: equal ones take less power, and a processor that
/// lowers its clock for power would show a rate that no step has.
std::vector<float> random_values(std::int64_t count) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<float> value(-1.0f, 1.0f);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) v = value(generator);
  return values;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<Product> products_of_step(const Model& model, std::int64_t tokens) {
  const std::int64_t width = model.width;
  std::vector<Product> products;
  const auto linear = [&](const char* name, std::int64_t rows, std::int64_t in, std::int64_t out) {
    products.push_back({name, rows, out, in, false, model.out_in});
    products.push_back({"  input gradient", rows, in, out, false, !model.out_in});
    products.push_back(
        {"  weight gradient", model.out_in ? out : in, model.out_in ? in : out, rows, true, false});
  };
  linear("attention qkv", tokens, width, 3 * width);
  linear("attention projection", tokens, width, width);
  linear("MLP in", tokens, width, 4 * width);
  linear("MLP out", tokens, 4 * width, width);
  if (!model.vocabulary) return products;
  const std::int64_t rows = std::min(tokens, kHeadRows);
  products.push_back({"head", rows, kVocabularyChunk, width, false, true});
  products.push_back({"  input gradient", rows, width, kVocabularyChunk, false, false});
  products.push_back({"  weight gradient", kVocabularyChunk, width, rows, true, false});
  return products;
}

}  // namespace

int main(int argc, char** argv) {
  const auto* const model =
      std::find_if(std::begin(kModels), std::end(kModels),
                   [&](const Model& m) { return argc > 1 && m.name == argv[1]; });
  if (model == std::end(kModels)) {
    fmt::print(stderr, "usage: gemm_rate gpt2|vit_s [TOKENS [ROUNDS]]\n");
    return 2;
  }
  const std::int64_t tokens = argc > 2 ? std::atoll(argv[2]) : 2048;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;
  fmt::print("{:<22} {:>6} {:>6} {:>6} {:>14} {:>14} {:>7}\n", "product", "m", "n", "k",
             "engine GF/s", "oneDNN GF/s", "ratio");
  double engine_total = 0, bare_total = 0;
  for (const Product& p : products_of_step(*model, tokens)) {
    const std::vector<float> a = random_values(p.m * p.k), b = random_values(p.k * p.n);
    std::vector<float> out(static_cast<std::size_t>(p.m * p.n));
    const std::int64_t lda = p.trans_a ? p.m : p.k, ldb = p.trans_b ? p.k : p.n;
    const auto engine = [&] {
      kernels::matmul({}, {.out = out.data(),
                           .a = a.data(),
                           .b = b.data(),
                           .m = p.m,
                           .n = p.n,
                           .k = p.k,
                           .lda = lda,
                           .ldb = ldb,
                           .ldc = p.n,
                           .trans_a = p.trans_a,
                           .trans_b = p.trans_b});
    };
    const auto bare = [&] {
      dnnl_sgemm(p.trans_a ? 'T' : 'N', p.trans_b ? 'T' : 'N', p.m, p.n, p.k, 1.0f, a.data(), lda,
                 b.data(), ldb, 0.0f, out.data(), p.n);
    };
    engine();
    bare();
    std::vector<double> engine_seconds, bare_seconds;
    for (int round = 0; round < rounds; ++round) {
      engine_seconds.push_back(seconds_of(engine));
      bare_seconds.push_back(seconds_of(bare));
    }
    const double flops = 2e-9 * static_cast<double>(p.m * p.n * p.k);
    const double ours = median(engine_seconds), theirs = median(bare_seconds);
    engine_total += ours;
    bare_total += theirs;
    fmt::print("{:<22} {:>6} {:>6} {:>6} {:>14.0f} {:>14.0f} {:>6.2f}x\n", p.name, p.m, p.n, p.k,
               flops / ours, flops / theirs, theirs / ours);
  }
  fmt::print("{:<22} {:>58.2f}x\n", "all, by time", bare_total / engine_total);
}
