// The twin of the cuBLASLt wrapper on the emulated device, whose memory the CPU can read: the
// library's part of the work is not what the emulator tests.
#include "kernels/matmul.h"
#include "kernels/simt/recording.h"

namespace seqpe::kernels::cuda {

void matmul(const Context&, const MatmulArgs& args) {
  simt::in_stream_order([args] { cpu::matmul(args); });
}

}  // namespace seqpe::kernels::cuda
