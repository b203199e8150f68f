// cuDNN's plans of attention, each made when it is first asked for and kept.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/common/context.h"
#include "kernels/cuda/cudnn_attention_graph.h"

namespace seqpe::kernels::cuda {

/// The memory of a run, by number.
struct CudnnBindings {
  std::vector<std::int64_t> numbers;
  std::vector<void*> memory;

  void add(CudnnMemory number, const void* data) {
    numbers.push_back(number);
    memory.push_back(const_cast<void*>(data));
  }
};

struct CudnnAttentionPlan {
  CudnnAttention graph;
  std::unique_ptr<CudnnPlan> plan;
  std::string why_not;      // empty: it can run
  bool is_settled = false;  // nobody need try again
  std::uint64_t asked = 0;
};

class CudnnPlans {
 public:
  /// Null if there is none: `why` then says so. What cuDNN does not support is settled. A plan that
  /// failed otherwise, for memory say, is tried for again the 2nd, 4th, 8th, ... time that it is
  /// asked for, since a failure may take as long as a plan; but with dropout not at all: backward
  /// must answer as forward did.
  CudnnAttentionPlan* find(const CudnnAttention& graph, std::string& why);

  /// In the order of the context's stream. False if the library failed: `why` says how, and the
  /// plan is not found again.
  bool run(const Context& context, CudnnAttentionPlan& plan, const CudnnBindings& bindings,
           std::string& why);

 private:
  std::string reason_against_another() const;
  std::string reason_against_handle();
  void make(CudnnAttentionPlan& plan);

  std::mutex mutex_;
  const CudnnFunctions* cudnn_ = nullptr;
  cudnnHandle_t handle_ = nullptr;
  std::map<CudnnAttention, CudnnAttentionPlan> plans_;
};

/// Those of the process.
CudnnPlans& cudnn_plans();

}  // namespace seqpe::kernels::cuda
