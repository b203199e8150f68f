// Ranks for tests that need no others: each says what this one says, and what is summed stays as it
// is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/dist/process_group.h"

namespace seqpe::test {

/// Rank 0 of `size`.
class Hosts : public dist::ProcessGroup {
 public:
  explicit Hosts(int size) : size_(size) {}
  int rank() const override { return 0; }
  int size() const override { return size_; }
  int local_rank() const override { return 0; }
  const char* name() const override { return "hosts"; }
  std::unique_ptr<dist::Pending> all_reduce(const Tensor& x, dist::Wire) override {
    return dist::single_process().all_reduce(x);
  }
  std::unique_ptr<dist::Pending> reduce_scatter(const Tensor& x, dist::Wire) override {
    return dist::single_process().reduce_scatter(x);
  }
  std::unique_ptr<dist::Pending> all_gather(const Tensor& x) override {
    return dist::single_process().all_gather(x);
  }
  std::vector<std::string> gather(const std::string& text) override {
    return std::vector<std::string>(static_cast<std::size_t>(size_), text);
  }
  void barrier() override {}

 private:
  int size_;
};

}  // namespace seqpe::test
