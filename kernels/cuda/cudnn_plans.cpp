#include "kernels/cuda/cudnn_plans.h"

#include <fmt/format.h>

#include <bit>

#include "kernels/attention_backend.h"
#include "kernels/cuda/scratch.h"
#include "kernels/recording.h"

namespace seqpe::kernels::cuda {
namespace {

/// A plan takes up to 1.5 s to make: whoever computes more shapes than this has better things to
/// do.
constexpr std::size_t kMostPlans = 64;
/// Of a backward in one order, which keeps a Q x K matrix.
constexpr std::size_t kMostWorkspace = std::size_t{256} << 20;

std::string name_of(const CudnnAttention& graph) {
  return fmt::format("{} of B {} H {} Q {} K {} D {}", graph.backward ? "backward" : "forward",
                     graph.batch, graph.heads, graph.q_len, graph.kv_len, graph.head_size);
}

}  // namespace

CudnnAttentionPlan* CudnnPlans::find(const CudnnAttention& graph, std::string& why) {
  const std::lock_guard lock(mutex_);
  cudnn_ = cudnn_functions(why);
  if (cudnn_ == nullptr) return nullptr;
  auto found = plans_.find(graph);
  if (found == plans_.end()) {
    why = reason_against_another();
    if (!why.empty()) return nullptr;
    found = plans_.emplace(graph, CudnnAttentionPlan{.graph = graph}).first;
  }
  CudnnAttentionPlan& plan = found->second;
  ++plan.asked;
  if (!plan.is_settled && std::has_single_bit(plan.asked) && !is_recording()) {
    plan.why_not = reason_against_handle();
    if (plan.why_not.empty()) make(plan);
    if (graph.dropout > 0.0) plan.is_settled = true;
  }
  why = plan.why_not;
  return why.empty() ? &plan : nullptr;
}

bool CudnnPlans::run(const Context& context, CudnnAttentionPlan& plan,
                     const CudnnBindings& bindings, std::string& why) {
  const DeviceScratch workspace(context, plan.plan->workspace_bytes());
  const std::lock_guard lock(mutex_);
  try {
    check_cudnn(*cudnn_, cudnn_->set_stream(handle_, static_cast<cudaStream_t>(context.stream)),
                "stream");
    plan.plan->run(handle_, bindings.numbers, bindings.memory, workspace.as<void>());
  } catch (const CudnnRefusal& refusal) {
    why = plan.why_not = fmt::format("its {} failed, {}", name_of(plan.graph), refusal.what());
    return false;
  }
  count_cudnn_attention(plan.graph.backward);
  return true;
}

std::string CudnnPlans::reason_against_another() const {
  if (plans_.size() >= kMostPlans)
    return fmt::format("{} shapes have plans already, more are not made", kMostPlans);
  if (is_recording()) return "a plan is not made while work is recorded";
  return "";
}

/// Makes the handle unless there is one.
std::string CudnnPlans::reason_against_handle() {
  if (handle_ != nullptr) return "";
  cudnnHandle_t made = nullptr;
  try {
    check_cudnn(*cudnn_, cudnn_->create(&made), "handle");
  } catch (const CudnnRefusal& refusal) {
    return fmt::format("it gives no {}", refusal.what());
  }
  handle_ = made;
  return "";
}

void CudnnPlans::make(CudnnAttentionPlan& plan) {
  try {
    CudnnGraph operations(*cudnn_);
    add_attention(operations, plan.graph);
    plan.plan = std::make_unique<CudnnPlan>(*cudnn_, handle_, std::move(operations));
    plan.is_settled = true;
  } catch (const CudnnRefusal& refusal) {
    plan.why_not = fmt::format("it has no {}, {}", name_of(plan.graph), refusal.what());
    plan.is_settled = refusal.is_of_support();
    return;
  }
  if (plan.graph.one_order && plan.plan->workspace_bytes() > kMostWorkspace) {
    plan.why_not = fmt::format("its backward in one order takes {} bytes of workspace",
                               plan.plan->workspace_bytes());
    plan.plan.reset();
  }
}

CudnnPlans& cudnn_plans() {
  static auto* const plans = new CudnnPlans;  // CUDA may be gone before objects of static lifetime
  return *plans;
}

}  // namespace seqpe::kernels::cuda
