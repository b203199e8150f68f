// Bytes from the host for work that comes later: they travel on a stream of their own, while the
// device still works on what was asked for before.
#pragma once

#include <cstddef>
#include <memory>

#include "kernels/common/context.h"

namespace seqpe::kernels {

class Feed {
 public:
  /// For blocks of `bytes` bytes. Throws OutOfMemoryError if the device has no room for two.
  Feed(const Context& context, std::size_t bytes);
  ~Feed();
  Feed(Feed&& other) noexcept;
  Feed& operator=(Feed&& other) noexcept;

  /// Fills device memory `to` in the order of the context's stream. Returns when the host may
  /// change `from`, however far the device is.
  void send(void* to, const void* from);

 private:
  struct Landings;
  std::unique_ptr<Landings> landings_;
};

}  // namespace seqpe::kernels
