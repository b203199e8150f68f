// NCCL's group with one rank, for tests: everything goes through it, and nothing may change.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/dist/make_nccl.h"
#include "engine/dist/nccl_group.h"

namespace seqpe::test {

/// A host that is alone.
class OneHost final : public dist::ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  const char* name() const override { return "one host"; }
  std::unique_ptr<dist::Pending> all_reduce(const Tensor& x, dist::Wire) override {
    return dist::single_process().all_reduce(x);
  }
  std::unique_ptr<dist::Pending> reduce_scatter(const Tensor& x, dist::Wire) override {
    return dist::single_process().reduce_scatter(x);
  }
  std::unique_ptr<dist::Pending> all_gather(const Tensor& x) override {
    return dist::single_process().all_gather(x);
  }
  std::vector<std::string> gather(const std::string& text) override { return {text}; }
  void barrier() override {}
};

/// Throws CommunicationError where there is no NCCL.
inline std::unique_ptr<dist::ProcessGroup> one_nccl_rank(bool deterministic = false) {
  auto host = std::make_unique<OneHost>();
  auto calls = dist::make_nccl(*host);
  return std::make_unique<dist::NcclGroup>(std::move(calls), std::move(host), deterministic);
}

}  // namespace seqpe::test
