// A matrix product with its operands, held to its definition whoever computes it.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "tests/reference/matmul.h"
#include "tests/support/kernel_test.h"

namespace seqpe::test {

/// Who computes it.
struct MatmulPath {
  const char* name;
  void (*run)(const kernels::MatmulArgs&);
};

/// [batch, rows, columns] with rows `stride` apart; NaN between them, which nobody may read.
template <typename T>
std::vector<T> matrices(std::int64_t batch, std::int64_t rows, std::int64_t columns,
                        std::int64_t stride, std::uint64_t seed) {
  auto values = random_vector<T>(batch * rows * stride, seed);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (static_cast<std::int64_t>(i) % stride >= columns) values[i] = poisoned<T>(1)[0];
  }
  return values;
}

struct MatmulOperands {
  bool share_a = false, share_b = false;
  std::int64_t gap = 0;       // between rows
  std::int64_t item_gap = 0;  // between the outputs of a batch
  bool pre_activation = false;
};

/// The operands of one product and its output, before and after; Out is T or what its sums are kept
/// in.
template <typename T, typename Out = T>
class MatmulProduct {
 public:
  MatmulProduct(kernels::MatmulArgs args, const MatmulOperands& how) : args_(args) {
    args_.dtype = dtype_of<T>;
    args_.wide_out = !std::is_same_v<T, Out>;
    const std::int64_t a_rows = args.trans_a ? args.k : args.m;
    const std::int64_t a_columns = args.trans_a ? args.m : args.k;
    const std::int64_t b_rows = args.trans_b ? args.n : args.k;
    const std::int64_t b_columns = args.trans_b ? args.k : args.n;
    // A library asks for strides of at least 1, even of an empty matrix.
    args_.lda = std::max<std::int64_t>(1, a_columns + how.gap);
    args_.ldb = std::max<std::int64_t>(1, b_columns + 2 * how.gap);
    args_.ldc = std::max<std::int64_t>(1, args.n + 3 * how.gap);
    args_.batch_stride_a = how.share_a ? 0 : a_rows * args_.lda;
    args_.batch_stride_b = how.share_b ? 0 : b_rows * args_.ldb;
    args_.batch_stride_out = args.m * args_.ldc + how.item_gap;
    a_ = matrices<T>(how.share_a ? 1 : args.batch, a_rows, a_columns, args_.lda, 1);
    b_ = matrices<T>(how.share_b ? 1 : args.batch, b_rows, b_columns, args_.ldb, 2);
    bias_ = random_vector<T>(args.n, 3);
    initial_ = before<Out>(args.write, args.batch * args_.batch_stride_out);
    if (how.pre_activation) pre_activation_ = poisoned<T>(args.batch * args_.batch_stride_out);
    args_.a = a_.data();
    args_.b = b_.data();
    args_.bias = args.epilogue == kernels::Epilogue::none ? nullptr : bias_.data();
  }

  Bytes run(const MatmulPath& path) {
    out_ = initial_;
    args_.out = out_.data();
    args_.pre_activation = pre_activation_.empty() ? nullptr : pre_activation_.data();
    path.run(args_);
    return bits_of(out_, pre_activation_);
  }

  void expect_as_defined(const MatmulPath& path) {
    run(path);
    Doubles out = to_double(initial_), pre(pre_activation_.size(), std::nan(""));
    reference::matmul(args_, to_double(a_), to_double(b_), to_double(bias_), out, pre);
    // An epilogue works on sums that were stored as T.
    const double roundings = args_.epilogue == kernels::Epilogue::none ? 1 : 3;
    const auto terms = static_cast<double>(args_.k);
    SCOPED_TRACE(fmt::format("{} {}: m {}, n {}, k {}, trans {} {}, batch {}, strides {} {} {}",
                             path.name, name_of(args_.dtype), args_.m, args_.n, args_.k,
                             args_.trans_a, args_.trans_b, args_.batch, args_.lda, args_.ldb,
                             args_.ldc));
    expect_close(out_, out, tolerance<Out>(terms, largest(out), roundings), "out");
    expect_close(pre_activation_, pre, tolerance<T>(terms, largest(pre), roundings),
                 "pre_activation");
  }

 private:
  kernels::MatmulArgs args_;
  std::vector<T> a_, b_, bias_, pre_activation_;
  std::vector<Out> initial_, out_;
};

}  // namespace seqpe::test
