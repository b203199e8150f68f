// The engine's f32 matrix product beside a bare oneDNN call, on the products of a GPT-2 124M
// training step: forward, gradient of the input, gradient of the weight. The two take turns;
// medians of the second argument's turns (9) are printed with their ratio.
//
//   cmake --build --preset cpu --target gemm_rate
//
//   OMP_NUM_THREADS=2 taskset -c 0,1 build/cpu/bin/gemm_rate 2048
#include <fmt/format.h>
#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "kernels/matmul.h"

namespace {

using namespace seqpe;

constexpr std::int64_t kWidth = 768, kVocabularyChunk = 50257, kHeadRows = 500;

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

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<Product> products_of_step(std::int64_t tokens) {
  std::vector<Product> products;
  const auto linear = [&](const char* name, std::int64_t rows, std::int64_t in, std::int64_t out) {
    products.push_back({name, rows, out, in, false, false});
    products.push_back({"  input gradient", rows, in, out, false, true});
    products.push_back({"  weight gradient", in, out, rows, true, false});
  };
  linear("attention qkv", tokens, kWidth, 3 * kWidth);
  linear("attention projection", tokens, kWidth, kWidth);
  linear("MLP in", tokens, kWidth, 4 * kWidth);
  linear("MLP out", tokens, 4 * kWidth, kWidth);
  const std::int64_t rows = std::min(tokens, kHeadRows);
  products.push_back({"head", rows, kVocabularyChunk, kWidth, false, true});
  products.push_back({"  input gradient", rows, kWidth, kVocabularyChunk, false, false});
  products.push_back({"  weight gradient", kVocabularyChunk, kWidth, rows, true, false});
  return products;
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t tokens = argc > 1 ? std::atoll(argv[1]) : 2048;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  fmt::print("{:<22} {:>6} {:>6} {:>6} {:>14} {:>14} {:>7}\n", "product", "m", "n", "k",
             "engine GF/s", "oneDNN GF/s", "ratio");
  double engine_total = 0, bare_total = 0;
  for (const Product& p : products_of_step(tokens)) {
    const std::vector<float> a(static_cast<std::size_t>(p.m * p.k), 0.5f),
        b(static_cast<std::size_t>(p.k * p.n), 0.25f);
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
