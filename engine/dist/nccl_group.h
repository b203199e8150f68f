// Ranks that NCCL connects, with tensors in the memory of their devices; the host's numbers and
// texts take another way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "engine/dist/lost_ranks.h"
#include "engine/dist/nccl_calls.h"
#include "engine/dist/patience.h"
#include "engine/dist/process_group.h"
#include "kernels/device_counter.h"

namespace seqpe::dist {

class NcclGroup final : public ProcessGroup {
 public:
  /// `host` carries the host's numbers, and NCCL's id. deterministic: sums are binary trees over
  /// the ranks, by our own kernels, where NCCL chooses an order by size and machine. The device
  /// waits `timeout` seconds for another rank, then the group fails.
  NcclGroup(std::shared_ptr<NcclCalls> calls, std::unique_ptr<ProcessGroup> host,
            bool deterministic, double timeout);
  ~NcclGroup() override;

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  int local_rank() const override { return host_->local_rank(); }
  const char* name() const override { return "NCCL"; }
  std::unique_ptr<Pending> all_reduce(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> reduce_scatter(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> all_gather(const Tensor& x) override;
  std::vector<std::string> gather(const std::string& text) override;
  void barrier() override;
  void leave() override { host_->leave(); }
  void require_health() override;

 private:
  class Travel;
  std::unique_ptr<Pending> begin(const Tensor& x, const char* what,
                                 const std::function<void(Travel&)>& queue);
  void reduce_pieces(Travel& travel, const Tensor& pieces, Wire wire);
  void gather_pieces(Travel& travel, const Tensor& pieces, Wire wire);
  void watch();
  std::string trouble();

  std::unique_ptr<ProcessGroup> host_;  // before what may send by it
  std::shared_ptr<NcclCalls> calls_;
  bool deterministic_;
  double timeout_;
  LostRanks lost_;
  kernels::DeviceCounter marks_;  // two a collective: odd while the device is in one
  std::timed_mutex calling_;      // of who calls NCCL
  std::mutex mutex_;
  std::condition_variable ends_;
  bool ending_ = false;
  std::string error_;             // what the watch found
  std::uint64_t last_marks_ = 0;  // when it looked last,
  Waited marked_;                 // and since when
  std::thread watching_;          // the last member: it ends before what it uses
};

}  // namespace seqpe::dist
