// Ranks that MPI connects, with tensors in the memory of their hosts.
#pragma once

#include <functional>
#include <optional>

#include "engine/dist/heartbeat.h"
#include "engine/dist/lost_ranks.h"
#include "engine/dist/mpi_calls.h"
#include "engine/dist/process_group.h"
#include "engine/dist/worker.h"

namespace seqpe::dist {

class MpiGroup final : public ProcessGroup {
 public:
  /// `calls` must outlive this. A rank waits `timeout` seconds for the others.
  MpiGroup(MpiCalls& calls, double timeout);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  const char* name() const override { return "MPI"; }
  /// Pieces of the tensor are exchanged, each rank adds up one in a binary tree over the ranks, and
  /// all gather the sums.
  std::unique_ptr<Pending> all_reduce(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> reduce_scatter(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> all_gather(const Tensor& x) override;
  std::vector<std::string> gather(const std::string& text) override;
  void barrier() override;
  void leave() override;

 private:
  using Request = std::unique_ptr<MpiCalls::Request>;
  /// `begin` starts a collective; `kept`: what it reads and writes; `patience`: how many times
  /// dist.timeout it may take.
  void complete(const char* what, const std::function<Request()>& begin,
                const std::vector<Tensor>& kept = {}, double patience = 1);
  void wait_for(const char* what, const Request& request, double patience);
  void beat();
  std::unique_ptr<Pending> ask(const Tensor& x, std::function<void()> job);
  void reduce(const Tensor& x, Wire wire);
  void reduce_pieces(const Tensor& pieces, Wire wire);
  void reduce_left_over(const Tensor& x);
  void gather_pieces(const Tensor& pieces, Wire wire);
  std::string gather_bytes(const std::string& mine);

  MpiCalls& calls_;
  double timeout_;
  int rank_, size_, local_rank_;
  std::unique_ptr<LostRanks> lost_;
  std::optional<Heartbeat> heartbeat_;  // in a ring; empty: alone, or the end was said
  bool failed_ = false;
  std::string silence_;            // what the heartbeat found beside the collectives
  std::vector<Tensor> abandoned_;  // a collective that failed may still write to them
  Worker worker_;  // the one thread that calls MPI; the last member: it ends before what it uses
};

}  // namespace seqpe::dist
