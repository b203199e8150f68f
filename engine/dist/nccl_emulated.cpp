// NCCL of the emulated device: what NcclGroup asks is queued on the emulated stream, and answered
// by the group that connects the hosts. For tests of failures SEQPE_EMULATED_NCCL holds `error=N`
// (an error is told from collective number N on) or `delay=MS` (each takes so many milliseconds
// longer).
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "engine/dist/make_nccl.h"
#include "kernels/device.h"
#include "kernels/simt/recording.h"

namespace seqpe::dist {
namespace {

constexpr const char* kId = "emulated";

/// What SEQPE_EMULATED_NCCL says after `key`; -1: nothing.
int asked_for(std::string_view key) {
  const char* const text = std::getenv("SEQPE_EMULATED_NCCL");
  if (text == nullptr || !std::string_view(text).starts_with(key)) return -1;
  return std::atoi(text + key.size());
}

class EmulatedNccl final : public NcclCalls {
 public:
  explicit EmulatedNccl(ProcessGroup& host) : host_(host) {}

  std::string unique_id() override { return kId; }
  void connect(const std::string& id, int, int) override {
    require<CommunicationError>(id == kId, "[nccl] the id must be '{}', got '{}'.", kId, id);
  }

  void all_reduce(void* x, std::int64_t count, DType dtype, void*) override {
    in_order([=, this] { through_host(x, {count}, dtype, &ProcessGroup::all_reduce); });
  }
  void reduce_scatter(void* x, std::int64_t count, DType dtype, void*) override {
    in_order([=, this] {
      through_host(x, {host_.size(), count}, dtype, &ProcessGroup::reduce_scatter);
    });
  }
  void all_gather(void* x, std::int64_t count, DType dtype, void*) override {
    in_order([=, this] { write(x, gathered(x, count, dtype, host_.rank())); });
  }
  void all_to_all(const void* send, void* receive, std::int64_t count, DType dtype,
                  void*) override {
    in_order([=, this] {
      // Every rank gets all that every other one sends, and keeps what is for it.
      const std::int64_t all = host_.size() * count;
      const Tensor everything = gathered(send, all, dtype, 0).view({host_.size(), all});
      for (int from = 0; from < host_.size(); ++from) {
        const Tensor theirs = everything.rows(from, from + 1).view({host_.size(), count});
        write(at(receive, from * count, dtype), theirs.rows(host_.rank(), host_.rank() + 1));
      }
    });
  }

  std::string error() override {
    return error_from_ >= 0 && collectives_ >= error_from_ ? "an error, as asked for" : "";
  }
  void abort() override {}

 private:
  static void* at(const void* x, std::int64_t element, DType dtype) {
    auto* const bytes = static_cast<std::byte*>(const_cast<void*>(x));
    return bytes + static_cast<std::size_t>(element) * size_of(dtype);
  }
  static Tensor read(const void* x, Shape shape, DType dtype) {
    const Tensor out = Tensor::empty(std::move(shape), dtype);
    kernels::copy_to_host(kernels::device_context(), out.data(), x, out.bytes());
    return out;
  }
  static void write(void* to, const Tensor& from) {
    kernels::copy_to_device(kernels::device_context(), to, from.data(), from.bytes());
  }

  template <typename Work>
  void in_order(Work work) {
    simt::in_stream_order([this, work] {
      ++collectives_;
      if (delay_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_));
      work();
    });
  }
  void through_host(void* x, const Shape& shape, DType dtype,
                    std::unique_ptr<Pending> (ProcessGroup::*collective)(const Tensor&, Wire)) {
    const Tensor on_host = read(x, shape, dtype);
    (host_.*collective)(on_host, Wire::fp32)->wait();
    write(x, on_host);
  }
  /// [ranks, count]: `count` elements of each, this rank's being piece `own` of `x`.
  Tensor gathered(const void* x, std::int64_t count, DType dtype, std::int64_t own) {
    const Tensor all = Tensor::empty({host_.size(), count}, dtype);
    all.rows(host_.rank(), host_.rank() + 1)
        .copy_from(read(at(x, own * count, dtype), {1, count}, dtype));
    host_.all_gather(all)->wait();
    return all;
  }

  ProcessGroup& host_;
  int delay_ = asked_for("delay="), error_from_ = asked_for("error=");
  std::atomic<int> collectives_ = 0;
};

}  // namespace

std::unique_ptr<NcclCalls> make_nccl(ProcessGroup& host) {
  return std::make_unique<EmulatedNccl>(host);
}

}  // namespace seqpe::dist
