// Sums and products are maps (elementwise_map.h). add_rows: as many threads as elements, each finds
// its row's block of y. add_rows_backward: a thread owns elements of grad_y and adds up the rows
// that used them, in order.
#include "kernels/elementwise.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

/// alpha factor a + b, or without b
template <typename T>
struct ScaledSum {
  const T *a, *b;
  float alpha;
  const double* factor;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    load_floats(values, a + i);
    float others[N] = {};
    if (b != nullptr) load_floats(others, b + i);
    const float scale = factor != nullptr ? alpha * static_cast<float>(*factor) : alpha;
#pragma unroll
    for (int n = 0; n < N; ++n)
      values[n] = b != nullptr ? scale * values[n] + others[n] : scale * values[n];
  }
};

/// a b
template <typename T>
struct Product {
  const T *a, *b;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    float others[N];
    load_floats(values, a + i);
    load_floats(others, b + i);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] *= others[n];
  }
};

/// x[r, c] + y[(first_row + r) mod blocks, c]; N divides inner.
template <typename T>
struct RowSum {
  const T *x, *y;
  std::int64_t blocks, inner, first_row;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    const std::int64_t row = i / inner, column = i - row * inner;
    float others[N];
    load_floats(values, x + i);
    load_floats(others, y + (first_row + row) % blocks * inner + column);
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] += others[n];
  }
};

/// sum over the rows that used block e / inner of grad_out[row, e mod inner]
template <typename T>
struct RowGradient {
  const T* grad_out;
  std::int64_t rows, blocks, inner, first_row;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t e) const {
    const std::int64_t block = e / inner, column = e - block * inner;
#pragma unroll
    for (int n = 0; n < N; ++n) values[n] = 0.0f;
    for (std::int64_t row = (block - first_row % blocks + blocks) % blocks; row < rows;
         row += blocks) {
      float gradients[N];
      load_floats(gradients, grad_out + row * inner + column);
#pragma unroll
      for (int n = 0; n < N; ++n) values[n] += gradients[n];
    }
  }
};

}  // namespace

void add(const Context& context, const AddArgs& args) {
  dispatch("add", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const ScaledSum<T> value{static_cast<const T*>(args.a), static_cast<const T*>(args.b),
                             static_cast<float>(args.alpha), args.factor};
    launch_map(context, "add", static_cast<T*>(args.out), args.count, args.write,
               aligned_for_packs(args.out, args.a, args.b), value);
  });
}

void multiply(const Context& context, const MultiplyArgs& args) {
  dispatch("multiply", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch_map(context, "multiply", static_cast<T*>(args.out), args.count, args.write,
               aligned_for_packs(args.out, args.a, args.b),
               Product<T>{static_cast<const T*>(args.a), static_cast<const T*>(args.b)});
  });
}

void add_rows(const Context& context, const AddRowsArgs& args) {
  dispatch("add_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packs =
        args.inner % simt::kPackSize<T> == 0 && aligned_for_packs(args.out, args.x, args.y);
    launch_map(context, "add_rows", static_cast<T*>(args.out), args.rows * args.inner,
               Write::overwrite, packs,
               RowSum<T>{static_cast<const T*>(args.x), static_cast<const T*>(args.y), args.blocks,
                         args.inner, args.first_row});
  });
}

void add_rows_backward(const Context& context, const AddRowsBackwardArgs& args) {
  dispatch("add_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packs =
        args.inner % simt::kPackSize<T> == 0 && aligned_for_packs(args.grad_y, args.grad_out);
    launch_map(context, "add_rows_backward", static_cast<T*>(args.grad_y), args.blocks * args.inner,
               args.write, packs,
               RowGradient<T>{static_cast<const T*>(args.grad_out), args.rows, args.blocks,
                              args.inner, args.first_row});
  });
}

}  // namespace seqpe::kernels::cuda
