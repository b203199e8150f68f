#include <gtest/gtest.h>

#include "kernels/simt/schedule.h"
#include "tests/cuda/schedules.h"

namespace seqpe::test {

void under_every_schedule(const std::function<void()>& test) {
  for (const auto& schedule : simt::kTestSchedules) {
    SCOPED_TRACE(simt::as_environment(schedule));
    simt::set_schedule(schedule);
    test();
  }
  simt::set_schedule({});
}

}  // namespace seqpe::test
