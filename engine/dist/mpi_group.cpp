#include "engine/dist/mpi_group.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "engine/dist/patience.h"
#include "engine/dist/tree_sum.h"
#include "kernels/common/timeline.h"

namespace seqpe::dist {
namespace {

using Clock = std::chrono::steady_clock;

// What waits for a message looks for it again and again: first without a pause, then with longer
// ones, which leave the core to those who compute.
constexpr auto kSpin = std::chrono::microseconds(50);
constexpr auto kPause = std::chrono::microseconds(50);
constexpr auto kLongPause = std::chrono::microseconds(500);
constexpr auto kBetweenChecks = std::chrono::milliseconds(250);

class Job final : public Pending {
 public:
  explicit Job(std::future<void> done) : done_(std::move(done)) {}
  void wait() override { done_.get(); }

 private:
  std::future<void> done_;
};

}  // namespace

MpiGroup::MpiGroup(MpiCalls& calls, double timeout)
    : calls_(calls),
      timeout_(timeout),
      rank_(calls.rank()),
      size_(calls.size()),
      local_rank_(calls.local_rank()),
      worker_([this] { beat(); }) {
  worker_.ask([] { omp_set_num_threads(1); });  // of this thread: others compute meanwhile
  const std::vector<std::string> addresses = gather(LostRanks::own_address());
  worker_
      .ask([&] {
        lost_ = std::make_unique<LostRanks>(addresses, rank_);
        if (size_ == 1) return;
        const int next = (rank_ + 1) % size_, previous = (rank_ + size_ - 1) % size_;
        heartbeat_.emplace(calls_, std::vector{next},
                           std::vector{Heartbeat::Heard{previous, lost_->told(previous)}},
                           timeout_);
      })
      .get();
}

/// On the worker, between collectives: the next one tells what was found.
void MpiGroup::beat() {
  if (!heartbeat_ || failed_) return;
  try {
    heartbeat_->beat();
  } catch (const std::exception& error) {
    silence_ = error.what();
  }
}

void MpiGroup::leave() {
  worker_
      .ask([this] {
        if (heartbeat_) heartbeat_->end();
        heartbeat_.reset();
      })
      .get();
}

/// On the worker. What failed once fails at once from then on: nobody waits for lost ranks again.
void MpiGroup::complete(const char* what, const std::function<Request()>& begin,
                        const std::vector<Tensor>& kept, double patience) {
  require<CommunicationError>(!failed_, "[dist] {} cannot be: an earlier one failed.", what);
  if (!silence_.empty()) throw CommunicationError(silence_);
  failed_ = true;
  try {
    wait_for(what, begin(), patience);
  } catch (...) {
    abandoned_ = kept;
    throw;
  }
  failed_ = false;
}

void MpiGroup::wait_for(const char* what, const Request& request, double patience) {
  const Clock::time_point begin = Clock::now();
  Waited waited(begin);
  Clock::time_point next_check = begin + kBetweenChecks;
  while (!request->is_done()) {
    const Clock::time_point now = Clock::now();
    if (now - begin < kSpin) continue;
    std::this_thread::sleep_for(now - begin < kBetweenChecks ? kPause : kLongPause);
    if (now < next_check) continue;
    next_check = now + kBetweenChecks;
    if (lost_) lost_->check();
    if (heartbeat_) heartbeat_->beat();
    if (waited.seconds(now) >= patience * timeout_) throw_late(what, timeout_, patience);
  }
}

std::unique_ptr<Pending> MpiGroup::ask(const Tensor& x, std::function<void()> job) {
  require(x.device() == Device::cpu, "[dist] MPI carries tensors on the cpu, got one on {}.",
          name_of(x.device()));
  return std::make_unique<Job>(worker_.ask(std::move(job)));
}

std::unique_ptr<Pending> MpiGroup::all_reduce(const Tensor& x, Wire wire) {
  return ask(x, [this, x, wire] {
    const kernels::CommunicationSpan span("all_reduce");
    reduce(x, wire);
  });
}

std::unique_ptr<Pending> MpiGroup::reduce_scatter(const Tensor& x, Wire wire) {
  return ask(x, [this, pieces = in_pieces(x, size_), wire] {
    const kernels::CommunicationSpan span("reduce_scatter");
    reduce_pieces(pieces, wire);
  });
}

std::unique_ptr<Pending> MpiGroup::all_gather(const Tensor& x) {
  return ask(x, [this, pieces = in_pieces(x, size_)] {
    const kernels::CommunicationSpan span("all_gather");
    gather_pieces(pieces, Wire::fp32);
  });
}

// What follows runs on the worker.

void MpiGroup::reduce(const Tensor& x, Wire wire) {
  const Tensor flat = x.view({x.numel()});
  const std::int64_t whole = x.numel() / size_ * size_;
  if (whole > 0) {
    const Tensor pieces = in_pieces(flat.rows(0, whole), size_);
    reduce_pieces(pieces, wire);
    gather_pieces(pieces, wire);
  }
  if (whole < x.numel()) reduce_left_over(flat.rows(whole, x.numel()));
}

/// Piece `rank` becomes the sum over the ranks.
void MpiGroup::reduce_pieces(const Tensor& pieces, Wire wire) {
  const bool rounds = travels_rounded(pieces, wire);
  const Tensor sent = rounds ? pieces.to(DType::bf16) : pieces,
               received = Tensor::empty(sent.shape(), sent.dtype());
  complete("a sum over the ranks",
           [&] { return calls_.all_to_all(sent.data(), received.data(), sent.rows(0, 1).bytes()); },
           {sent, received});
  const Tensor theirs = rounds ? received.to(DType::f32) : received;
  sum_in_a_tree({}, theirs);
  pieces.rows(rank_, rank_ + 1).copy_from(theirs.rows(0, 1));
}

void MpiGroup::gather_pieces(const Tensor& pieces, Wire wire) {
  const bool rounds = travels_rounded(pieces, wire);
  const Tensor sent = rounds ? Tensor::empty(pieces.shape(), DType::bf16) : pieces;
  if (rounds) sent.rows(rank_, rank_ + 1).convert_from(pieces.rows(rank_, rank_ + 1));
  complete("gathering from the ranks",
           [&] { return calls_.all_gather(sent.data(), sent.rows(0, 1).bytes()); }, {sent});
  if (rounds) pieces.convert_from(sent);
}

/// Fewer elements than ranks: each rank takes all and adds them up.
void MpiGroup::reduce_left_over(const Tensor& x) {
  const Tensor all = Tensor::empty({size_, x.numel()}, x.dtype());
  all.rows(rank_, rank_ + 1).view(x.shape()).copy_from(x);
  complete("a sum over the ranks", [&] { return calls_.all_gather(all.data(), x.bytes()); }, {all});
  sum_in_a_tree({}, all);
  x.copy_from(all.rows(0, 1).view(x.shape()));
}

/// Equally long texts, one after the other.
std::string MpiGroup::gather_bytes(const std::string& mine) {
  const auto length = static_cast<std::int64_t>(mine.size());
  const Tensor all = Tensor::empty({size_, length}, DType::u8);
  if (length > 0) std::memcpy(all.rows(rank_, rank_ + 1).data(), mine.data(), mine.size());
  complete("a message to all ranks", [&] { return calls_.all_gather(all.data(), mine.size()); },
           {all});
  return {static_cast<const char*>(all.data()), all.bytes()};
}

std::vector<std::string> MpiGroup::gather(const std::string& text) {
  std::vector<std::string> out;
  worker_
      .ask([&] {
        const std::uint64_t length = text.size();
        const std::string lengths =
            gather_bytes({reinterpret_cast<const char*>(&length), sizeof length});
        std::vector<std::uint64_t> each(static_cast<std::size_t>(size_));
        std::memcpy(each.data(), lengths.data(), lengths.size());
        const std::uint64_t longest = *std::max_element(each.begin(), each.end());
        std::string padded = text;
        padded.resize(longest);
        const std::string all = gather_bytes(padded);
        for (std::size_t r = 0; r < each.size(); ++r)
          out.push_back(all.substr(r * longest, each[r]));
      })
      .get();
  return out;
}

void MpiGroup::barrier() {
  worker_
      .ask([this] {
        complete(
            "a barrier", [&] { return calls_.barrier(); }, {}, kPatience);
      })
      .get();
}

}  // namespace seqpe::dist
