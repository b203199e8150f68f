#include "kernels/recording.h"

#include "kernels/common/error.h"

namespace seqpe::kernels {

void refuse_while_recording(const char* what) {
  require(!is_recording(),
          "[recording] {} cannot be recorded: host and device meet there. Hint: give the recorded "
          "step its inputs in device memory.",
          what);
}

}  // namespace seqpe::kernels
