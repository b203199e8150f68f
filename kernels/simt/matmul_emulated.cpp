// The twin of the cuBLASLt wrapper on the emulated device, whose memory the CPU can read: the
// library's part of the work is not what the emulator tests.
#include "kernels/matmul.h"
#include "kernels/simt/observer.h"
#include "kernels/simt/recording.h"

namespace seqpe::kernels::cuda {

namespace {

void observe_written(const MatmulArgs& args) {
  const auto bytes = static_cast<std::int64_t>(size_of(out_dtype(args)));
  for (void* out : {args.out, args.pre_activation}) {
    if (out == nullptr) continue;
    for (std::int64_t row = 0; row < args.batch * args.m; ++row) {
      const std::int64_t place = row / args.m * args.batch_stride_out + row % args.m * args.ldc;
      simt::observe_other_write(static_cast<std::byte*>(out) + place * bytes,
                                static_cast<std::size_t>(args.n * bytes));
    }
  }
}

}  // namespace

void matmul(const Context&, const MatmulArgs& args) {
  simt::in_stream_order([args] {
    cpu::matmul(args);
    observe_written(args);
  });
}

}  // namespace seqpe::kernels::cuda
