// Ranks that find each other by the address of rank 0, as torchrun tells it. Only the host's texts
// and numbers travel here: tensors of GPUs take NCCL's way, those of CPUs need MPI.
#pragma once

#include <vector>

#include "engine/dist/process_group.h"
#include "engine/dist/socket.h"

namespace seqpe::dist {

struct TcpPlace {
  int rank = 0, size = 1, local_rank = 0;
  std::string address = "127.0.0.1";  // of rank 0
  int port = 29501;
};

class TcpGroup final : public ProcessGroup {
 public:
  /// Rank 0 listens, the others connect; all are there on return. A rank waits `timeout` seconds
  /// for the others.
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

 private:
  std::vector<std::string> gather_until(const std::string& text, Deadline deadline) const;
  void accept_all(Deadline deadline);
  void connect(Deadline deadline);

  TcpPlace place_;
  double timeout_;
  std::vector<Socket> others_;  // of rank 0: to rank 1, 2, ...; of another: to rank 0
};

}  // namespace seqpe::dist
