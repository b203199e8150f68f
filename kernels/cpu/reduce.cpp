#include "kernels/reduce.h"

#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/numeric.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

template <typename T, typename Out>
void sum_columns(const ColumnSumArgs& args) {
  using A = Acc<T>;
  constexpr std::int64_t kRowsPerPartial = 128;
  const std::int64_t cols = args.cols;
  const std::int64_t partials = (args.rows + kRowsPerPartial - 1) / kRowsPerPartial;
  const Scratch scratch(static_cast<std::size_t>(partials * cols) * sizeof(A));
  A* sums = scratch.as<A>();  // [partials, cols]
  parallel_chunks(args.rows, kRowsPerPartial, [&](std::int64_t begin, std::int64_t end) {
    A* sum = sums + begin / kRowsPerPartial * cols;
    for (std::int64_t c = 0; c < cols; ++c) sum[c] = 0;
    for (std::int64_t row = begin; row < end; ++row) {
      const T* x = static_cast<const T*>(args.x) + row * cols;
#pragma omp simd
      for (std::int64_t c = 0; c < cols; ++c) sum[c] += load(x + c);
    }
  });
  for (std::int64_t c = 0; c < cols; ++c) {
    A total = 0;
    for (std::int64_t p = 0; p < partials; ++p) total += sums[p * cols + c];
    write_to(static_cast<Out*>(args.out) + c, total, args.write);
  }
}

/// Each chunk is summed in 8 interleaved float64 lanes, the chunks in order.
template <typename T, typename F>
double sum_mapped(const void* data, std::int64_t count, F map) {
  constexpr std::int64_t kElementsPerPartial = 8192;
  const T* x = static_cast<const T*>(data);
  const std::int64_t partials = (count + kElementsPerPartial - 1) / kElementsPerPartial;
  const Scratch scratch(static_cast<std::size_t>(partials) * sizeof(double));
  double* sums = scratch.as<double>();
  parallel_chunks(count, kElementsPerPartial, [&](std::int64_t begin, std::int64_t end) {
    double lanes[8] = {};
    std::int64_t i = begin;
    for (; i + 8 <= end; i += 8) {
#pragma omp simd
      for (std::int64_t lane = 0; lane < 8; ++lane)
        lanes[lane] += map(static_cast<double>(load(x + i + lane)));
    }
    for (; i < end; ++i) lanes[0] += map(static_cast<double>(load(x + i)));
    double total = 0;
    for (const double lane : lanes) total += lane;
    sums[begin / kElementsPerPartial] = total;
  });
  double total = 0;
  for (std::int64_t p = 0; p < partials; ++p) total += sums[p];
  return total;
}

}  // namespace

void column_sum(const ColumnSumArgs& args) {
  dispatch_floating("column_sum", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (args.wide_out) return sum_columns<T, Acc<T>>(args);
    sum_columns<T, T>(args);
  });
}

void sum(const SumArgs& args) {
  dispatch_floating("sum", args.dtype, [&](auto tag) {
    *args.out =
        sum_mapped<typename decltype(tag)::type>(args.x, args.count, [](double x) { return x; });
  });
}

void sum_of_squares(const SumArgs& args) {
  dispatch_floating("sum_of_squares", args.dtype, [&](auto tag) {
    *args.out = sum_mapped<typename decltype(tag)::type>(args.x, args.count,
                                                         [](double x) { return x * x; });
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
