// The orders in which a device may run what it runs at once.
#pragma once

#include <functional>

namespace seqpe::test {

/// Calls test() once under each schedule of the emulator, once on a GPU: a kernel must not depend
/// on the order in which its threads run. Twin files: emulated_schedules.cpp, gpu_main.cpp.
void under_every_schedule(const std::function<void()>& test);

}  // namespace seqpe::test
