// Ranks that met over TCP. Only the host's texts and numbers travel here: tensors of GPUs take
// NCCL's way, those of CPUs need MPI.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/dist/heartbeat.h"
#include "engine/dist/process_group.h"
#include "engine/dist/tcp_meeting.h"
#include "engine/dist/worker.h"

namespace seqpe::dist {

/// Signs on connections of their own.
class TcpSigns final : public Signs {
 public:
  /// The first of the connections leads to rank `first`, the next one to the rank behind it.
  TcpSigns(std::vector<Socket> others, int first, double timeout)
      : others_(std::move(others)), first_(first), timeout_(timeout) {}
  void send_sign(int to, char sign) override;
  std::optional<char> receive_sign(int from) override;

 private:
  const Socket& with(int rank) const { return others_[static_cast<std::size_t>(rank - first_)]; }
  std::vector<Socket> others_;
  int first_;
  double timeout_;
};

class TcpGroup final : public ProcessGroup {
 public:
  /// All ranks are there on return. A rank waits `timeout` seconds for the others.
  TcpGroup(const TcpPlace& place, double timeout);

  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }
  int local_rank() const override { return place_.local_rank; }
  const char* name() const override { return "TCP"; }
  std::unique_ptr<Pending> all_reduce(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> reduce_scatter(const Tensor& x, Wire wire) override;
  std::unique_ptr<Pending> all_gather(const Tensor& x) override;
  std::vector<std::string> gather(const std::string& text) override;
  void barrier() override;
  void leave() override;

 private:
  TcpGroup(const TcpPlace& place, double timeout, TcpConnections others);
  std::vector<std::string> gather_until(const std::string& text, Deadline deadline);
  std::vector<std::string> exchange(const std::string& text, Deadline& deadline) const;
  void beat();

  TcpPlace place_;
  double timeout_;
  std::vector<Socket> others_;  // of rank 0: to rank 1, 2, ...; of another: to rank 0
  TcpSigns signs_;
  std::optional<Heartbeat> heartbeat_;  // of rank 0 with each other; empty: the end was said
  std::mutex mutex_;
  std::string silence_;  // what the heartbeat found
  Worker worker_;        // beats; the last member: it ends before what it uses
};

}  // namespace seqpe::dist
