#include "engine/dist/nccl_group.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "engine/dist/patience.h"
#include "engine/dist/tree_sum.h"
#include "kernels/common/timeline.h"
#include "kernels/copy.h"
#include "kernels/device.h"

namespace seqpe::dist {
namespace {

constexpr auto kBetweenLooks = std::chrono::milliseconds(500);
constexpr auto kLongestCall = std::chrono::seconds(1);

Context communication() {
  return {Device::cuda, kernels::communication_stream()};
}

/// out = x in the dtype of `out`, on the communication stream.
void convert(const Tensor& x, const Tensor& out) {
  if (x.dtype() == out.dtype())
    return kernels::copy_on_device(communication(), out.data(), x.data(), x.bytes());
  kernels::convert(
      communication(),
      {.from = x.dtype(), .to = out.dtype(), .out = out.data(), .x = x.data(), .count = x.numel()});
}

/// NCCL's meeting cannot be called off: if it does not end, a thread is left in it.
void connect_within(double timeout, const std::shared_ptr<NcclCalls>& calls, const std::string& id,
                    const ProcessGroup& host) {
  std::promise<void> promise;
  std::future<void> connected = promise.get_future();
  std::thread([calls, id, rank = host.rank(), size = host.size(), device = host.local_rank(),
               done = std::move(promise)]() mutable {
    try {
      kernels::choose_device(device);  // each thread has its own
      calls->connect(id, rank, size);
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  }).detach();
  if (connected.wait_for(std::chrono::duration<double>(timeout)) == std::future_status::timeout)
    throw_late("NCCL's meeting of the ranks", timeout);
  connected.get();
}

}  // namespace

/// What it keeps must not serve other work before the compute stream waits for it.
class NcclGroup::Travel final : public Pending {
 public:
  void wait() override {
    kernels::order_after(kernels::compute_stream(), kernels::communication_stream());
    kept_.clear();
  }
  Tensor temporary(Shape shape, DType dtype) {
    return keep(Tensor::empty(std::move(shape), dtype, Device::cuda));
  }
  Tensor keep(Tensor tensor) { return kept_.emplace_back(std::move(tensor)); }

 private:
  std::vector<Tensor> kept_;
};

NcclGroup::NcclGroup(std::shared_ptr<NcclCalls> calls, std::unique_ptr<ProcessGroup> host,
                     bool deterministic, double timeout)
    : host_(std::move(host)),
      calls_(std::move(calls)),
      deterministic_(deterministic),
      timeout_(timeout),
      lost_(host_->gather(LostRanks::own_address()), host_->rank()) {
  connect_within(timeout, calls_, host_->broadcast(host_->is_first() ? calls_->unique_id() : ""),
                 *host_);
  watching_ = std::thread([this] { watch(); });
}

NcclGroup::~NcclGroup() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  ends_.notify_one();
  watching_.join();
}

/// Work that waits for a rank that is lost would keep the device, and the host that waits for it,
/// for ever.
void NcclGroup::watch() {
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, kBetweenLooks, [&] { return ending_; })) {
    error_ = trouble();
    if (!error_.empty()) break;
  }
  if (error_.empty()) return;
  lock.unlock();  // those who find the error let go of what the abort waits for
  // Not under the feet of a call, unless it waits for ever itself. Later ones find the error.
  if (calling_.try_lock_for(kLongestCall)) calling_.unlock();
  calls_->abort();
}

/// What is wrong; empty if nothing is.
std::string NcclGroup::trouble() {
  const std::uint64_t marks = marks_.value();
  if (marks != last_marks_) {
    last_marks_ = marks;
    marked_.restart();
  }
  const double unchanged = marked_.seconds();
  const bool inside = marks % 2 == 1;
  try {
    if (inside) lost_.check();
    if (const std::string told = calls_->error(); !told.empty())
      return fmt::format("[nccl] {}. Hint: another rank's own messages; NCCL_DEBUG=INFO.", told);
    if (inside && unchanged > timeout_) throw_late("a collective on the device", timeout_);
  } catch (const CommunicationError& error) {
    return error.what();
  }
  return "";
}

void NcclGroup::require_health() {
  const std::scoped_lock lock(mutex_);
  if (!error_.empty()) throw CommunicationError(error_);
}

std::unique_ptr<Pending> NcclGroup::begin(const Tensor& x, const char* what,
                                          const std::function<void(Travel&)>& queue) {
  require(x.device() == Device::cuda, "[dist] NCCL carries tensors on cuda, got one on {}.",
          name_of(x.device()));
  auto travel = std::make_unique<Travel>();
  travel->keep(x);
  const std::scoped_lock calling(calling_);
  require_health();
  kernels::order_after(kernels::communication_stream(), kernels::compute_stream());
  const kernels::CommunicationSpan span(what);
  marks_.raise(communication());
  queue(*travel);
  marks_.raise(communication());
  return travel;
}

std::unique_ptr<Pending> NcclGroup::all_reduce(const Tensor& x, Wire wire) {
  return begin(x, "all_reduce", [&](Travel& travel) {
    void* const stream = kernels::communication_stream();
    if (deterministic_) {
      const Tensor flat = x.view({x.numel()});
      const std::int64_t length = (x.numel() + size() - 1) / size();
      const Tensor padded = travel.temporary({size(), length}, x.dtype()),
                   all = padded.view({padded.numel()}), begin = all.rows(0, x.numel()),
                   rest = all.rows(x.numel(), all.numel());
      convert(flat, begin);
      kernels::clear_bytes(communication(), rest.data(), rest.bytes());
      reduce_pieces(travel, padded, wire);
      gather_pieces(travel, padded, wire);
      convert(begin, flat);
    } else if (travels_rounded(x, wire)) {
      const Tensor sent = travel.temporary({x.numel()}, DType::bf16);
      convert(x, sent);
      calls_->all_reduce(sent.data(), x.numel(), DType::bf16, stream);
      convert(sent, x);
    } else {
      calls_->all_reduce(x.data(), x.numel(), x.dtype(), stream);
    }
  });
}

std::unique_ptr<Pending> NcclGroup::reduce_scatter(const Tensor& x, Wire wire) {
  return begin(x, "reduce_scatter",
               [&](Travel& travel) { reduce_pieces(travel, in_pieces(x, size()), wire); });
}

std::unique_ptr<Pending> NcclGroup::all_gather(const Tensor& x) {
  return begin(x, "all_gather",
               [&](Travel& travel) { gather_pieces(travel, in_pieces(x, size()), Wire::fp32); });
}

/// Piece `rank` becomes the sum over the ranks.
void NcclGroup::reduce_pieces(Travel& travel, const Tensor& pieces, Wire wire) {
  void* const stream = kernels::communication_stream();
  const std::int64_t length = pieces.dim(1);
  const bool rounds = travels_rounded(pieces, wire);
  Tensor sent = pieces;
  if (rounds) {
    sent = travel.temporary(pieces.shape(), DType::bf16);
    convert(pieces, sent);
  }
  Tensor sum = sent.rows(rank(), rank() + 1);
  if (deterministic_) {
    const Tensor received = travel.temporary(sent.shape(), sent.dtype());
    calls_->all_to_all(sent.data(), received.data(), length, sent.dtype(), stream);
    Tensor theirs = received;
    if (rounds) {
      theirs = travel.temporary(pieces.shape(), pieces.dtype());
      convert(received, theirs);
    }
    sum_in_a_tree(communication(), theirs);
    sum = theirs.rows(0, 1);
  } else {
    calls_->reduce_scatter(sent.data(), length, sent.dtype(), stream);
  }
  const Tensor own = pieces.rows(rank(), rank() + 1);
  if (sum.data() != own.data()) convert(sum, own);
}

void NcclGroup::gather_pieces(Travel& travel, const Tensor& pieces, Wire wire) {
  void* const stream = kernels::communication_stream();
  const std::int64_t length = pieces.dim(1);
  if (!travels_rounded(pieces, wire))
    return calls_->all_gather(pieces.data(), length, pieces.dtype(), stream);
  const Tensor sent = travel.temporary(pieces.shape(), DType::bf16);
  convert(pieces.rows(rank(), rank() + 1), sent.rows(rank(), rank() + 1));
  calls_->all_gather(sent.data(), length, DType::bf16, stream);
  convert(sent, pieces);
}

std::vector<std::string> NcclGroup::gather(const std::string& text) {
  require_health();
  return host_->gather(text);
}

void NcclGroup::barrier() {
  require_health();
  host_->barrier();
}

}  // namespace seqpe::dist
