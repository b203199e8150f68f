// The processes (ranks) that train one model together, and what they do together. Every rank asks
// for the same things in the same order.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/tensor.h"
#include "engine/dist/dist_config.h"

namespace seqpe::dist {

/// Something on its way between ranks.
class Pending {
 public:
  virtual ~Pending() = default;
  /// What is computed from the tensors from now on sees the result. Throws CommunicationError.
  virtual void wait() = 0;
};

class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Among the ranks of this host.
  virtual int local_rank() const = 0;
  /// "MPI", for messages.
  virtual const char* name() const = 0;
  bool is_first() const { return rank() == 0; }

  // On tensors, in place. They begin when all work on the tensor that was asked for before is done
  // and go on beside what comes later, until wait().

  /// The sum over the ranks, the same bits on each. f32 tensors may travel as bf16.
  [[nodiscard]] virtual std::unique_ptr<Pending> all_reduce(const Tensor& x,
                                                            Wire wire = Wire::fp32) = 0;

  /// The leading dimension in as many pieces as there are ranks, which must divide it: of piece r
  /// rank r gets the sum over the ranks, the others' then hold anything.
  [[nodiscard]] virtual std::unique_ptr<Pending> reduce_scatter(const Tensor& x,
                                                                Wire wire = Wire::fp32) = 0;
  /// Piece r comes from rank r.
  [[nodiscard]] virtual std::unique_ptr<Pending> all_gather(const Tensor& x) = 0;

  // On the host's numbers and texts: they are there on return.

  /// The texts of all ranks.
  virtual std::vector<std::string> gather(const std::string& text) = 0;
  /// Each number's sum over the ranks, added up in their order.
  void sum(std::span<double> numbers);
  /// True if it is on any rank.
  bool any(bool here);
  /// The text of rank 0.
  std::string broadcast(const std::string& text);
  /// Until all ranks come here. One may write a file meanwhile, or evaluate: the others wait
  /// kPatience times as long as elsewhere.
  virtual void barrier() = 0;
  /// Says that this rank ends, in good order as all do, and waits until those that it listens to
  /// end too. Its last call.
  virtual void leave() {}

  /// Throws CommunicationError if what travelled since may be wrong: a device that waits for a lost
  /// rank is let go, with numbers that nobody sent.
  virtual void require_health() {}
};

/// The group of this process alone, where nothing travels.
ProcessGroup& single_process();

}  // namespace seqpe::dist
