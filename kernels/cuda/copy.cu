// Rows of one stride to rows of another. A thread takes a pack of a row, or an element where
// strides and addresses do not allow packs; the elements of all rows are numbered through, so that
// short rows fill the blocks too. convert is a map (elementwise_map.h).
#include "kernels/copy.h"

#include "kernels/cuda/dispatch.h"
#include "kernels/cuda/elementwise_map.h"

namespace seqpe::kernels::cuda {
namespace {

template <int N, typename T>
__global__ void __launch_bounds__(kMapThreads)
    copy_rows_pack_per_thread_kernel(T* out, const T* x, std::int64_t rows, std::int64_t cols,
                                     std::int64_t out_stride, std::int64_t x_stride, Write write) {
  const std::int64_t packs = cols / N, threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < rows * packs; i += threads) {
    const std::int64_t row = i / packs, column = (i - row * packs) * N;
    float values[N];
    load_floats(values, x + row * x_stride + column);
    write_floats(out + row * out_stride + column, values, write);
  }
}

template <typename T>
__global__ void __launch_bounds__(kMapThreads)
    fill_element_per_thread_kernel(T* out, std::int64_t count, T value) {
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += threads)
    out[i] = value;
}

/// x[i]
template <typename From>
struct Element {
  const From* x;
  template <int N>
  __device__ __forceinline__ void operator()(float (&values)[N], std::int64_t i) const {
    load_floats(values, x + i);
  }
};

}  // namespace

void copy_rows(const Context& context, const CopyRowsArgs& args) {
  if (args.rows == 0 || args.cols == 0) return;
  dispatch("copy_rows", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr int kSize = simt::kPackSize<T>;
    const auto run = [&](auto kernel, int size) {
      simt::launch(
          context,
          {"copy_rows", dim3(blocks_for(args.rows * (args.cols / size))), dim3(kMapThreads)},
          kernel, static_cast<T*>(args.out), static_cast<const T*>(args.x), args.rows, args.cols,
          args.out_stride, args.x_stride, args.write);
    };
    const bool whole =
        args.cols % kSize == 0 && args.out_stride % kSize == 0 && args.x_stride % kSize == 0;
    if (whole && aligned_for_packs(args.out, args.x))
      return run(copy_rows_pack_per_thread_kernel<kSize, T>, kSize);
    run(copy_rows_pack_per_thread_kernel<1, T>, 1);
  });
}

void convert(const Context& context, const ConvertArgs& args) {
  dispatch("to", args.from, [&](auto from) {
    dispatch("to", args.to, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      constexpr int kFrom = simt::kPackSize<From>, kTo = simt::kPackSize<To>;
      launch_map<(kFrom < kTo ? kFrom : kTo)>(
          context, "convert", static_cast<To*>(args.out), args.count, args.write,
          aligned_for_packs(args.out, args.x), Element<From>{static_cast<const From*>(args.x)});
    });
  });
}

void fill(const Context& context, const FillArgs& args) {
  if (args.count == 0) return;
  // f64 too: the gradient of a loss is one.
  dispatch_floating("fill", args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    simt::launch(context, {"fill", dim3(blocks_for(args.count)), dim3(kMapThreads)},
                 fill_element_per_thread_kernel<T>, static_cast<T*>(args.out), args.count,
                 static_cast<T>(static_cast<Acc<T>>(args.value)));
  });
}

}  // namespace seqpe::kernels::cuda
