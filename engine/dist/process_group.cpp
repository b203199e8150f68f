#include "engine/dist/process_group.h"

#include <cstring>

namespace seqpe::dist {
namespace {

class Done final : public Pending {
 public:
  void wait() override {}
};

class SingleProcess final : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  const char* name() const override { return "one process"; }
  std::unique_ptr<Pending> all_reduce(const Tensor&, Wire) override {
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> reduce_scatter(const Tensor&, Wire) override {
    return std::make_unique<Done>();
  }
  std::unique_ptr<Pending> all_gather(const Tensor&) override { return std::make_unique<Done>(); }
  std::vector<std::string> gather(const std::string& text) override { return {text}; }
  void barrier() override {}
};

}  // namespace

void ProcessGroup::sum(std::span<double> numbers) {
  if (size() == 1) return;
  const std::string mine(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
  const std::vector<std::string> all = gather(mine);
  std::vector<double> theirs(numbers.size());
  for (int from = 0; from < size(); ++from) {
    const std::string& bytes = all[static_cast<std::size_t>(from)];
    require<CommunicationError>(bytes.size() == numbers.size_bytes(),
                                "[dist] rank {} sums {} numbers, rank {} {}.", from,
                                bytes.size() / sizeof(double), rank(), numbers.size());
    std::memcpy(theirs.data(), bytes.data(), bytes.size());
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = from == 0 ? theirs[i] : numbers[i] + theirs[i];
  }
}

bool ProcessGroup::any(bool here) {
  double count = here ? 1 : 0;
  sum({&count, 1});
  return count > 0;
}

std::string ProcessGroup::broadcast(const std::string& text) {
  return size() == 1 ? text : gather(is_first() ? text : std::string()).front();
}

ProcessGroup& single_process() {
  static SingleProcess group;
  return group;
}

}  // namespace seqpe::dist
