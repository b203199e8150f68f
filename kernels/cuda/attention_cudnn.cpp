#include "kernels/cuda/attention_cudnn.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/attention_backend.h"
#include "kernels/common/error.h"
#include "kernels/cuda/attention_join.h"
#include "kernels/cuda/cudnn_attention_graph.h"
#include "kernels/cuda/scratch.h"
#include "kernels/recording.h"

namespace seqpe::kernels::cuda {
namespace {

/// A plan takes up to 1.5 s to make: whoever computes more shapes than this has better things to
/// do.
constexpr std::size_t kMostPlans = 64;
/// Of a backward in one order, which keeps a Q x K matrix.
constexpr std::size_t kMostWorkspace = std::size_t{256} << 20;

/// What forward and backward are given alike.
struct Sources {
  DType dtype;
  const AttentionShape& shape;
  AttentionOperand q, k, v, pe_q, pe_k, out;
  const std::uint8_t* key_mask;

  explicit Sources(const AttentionForwardArgs& args)
      : dtype(args.dtype),
        shape(args.shape),
        q(args.q),
        k(args.k),
        v(args.v),
        pe_q(args.pe_q),
        pe_k(args.pe_k),
        out{args.out.data, args.out.batch_stride, args.out.token_stride, args.out.head_stride},
        key_mask(args.key_mask) {}
  explicit Sources(const AttentionBackwardArgs& args)
      : dtype(args.dtype),
        shape(args.shape),
        q(args.q),
        k(args.k),
        v(args.v),
        pe_q(args.pe_q),
        pe_k(args.pe_k),
        out(args.out),
        key_mask(args.key_mask) {}

  /// Columns of queries and keys as cuDNN sees them.
  std::int64_t width() const { return shape.head_size + shape.pe_size; }
};

/// Whether rows can be moved 16 bytes at a time.
template <typename Operand>
bool has_aligned_rows(const Operand& x) {
  return reinterpret_cast<std::uintptr_t>(x.data) % 16 == 0 && x.batch_stride % 8 == 0 &&
         x.token_stride % 8 == 0 && x.head_stride % 8 == 0;
}

/// Why cuDNN is not asked at all; empty: it is.
std::string reason_against(const Sources& s) {
  const AttentionShape& shape = s.shape;
  const std::int64_t size = shape.head_size;
  if (shape.dropout > 0.0 && attention_backend() == AttentionBackend::automatic)
    return "its masks of dropout are others";
  if (s.dtype != DType::bf16) return fmt::format("it takes bf16, not {}", name_of(s.dtype));
  if ((size != 32 && size != 64 && size != 128) || shape.value_size != size ||
      (shape.pe_size != 0 && shape.pe_size != size)) {
    return fmt::format("it takes heads of 32, 64 or 128 columns, not {}{}", size,
                       shape.pe_size > 0 ? fmt::format(" + {}", shape.pe_size) : "");
  }
  if (s.key_mask != nullptr) return "it is given no key mask";
  if (shape.causal && shape.q_len != shape.kv_len)
    return "it takes causal attention of as many queries as keys";
  if (shape.q_len <= 1 || shape.kv_len <= 16)
    return "it is not asked for one query, or for at most 16 keys";
  if (!has_aligned_rows(s.q) || !has_aligned_rows(s.k) || !has_aligned_rows(s.v) ||
      !has_aligned_rows(s.pe_q) || !has_aligned_rows(s.pe_k) || !has_aligned_rows(s.out)) {
    return "it takes rows at multiples of 16 bytes";
  }
  return shape.batch * shape.heads == 0 ? "there is nothing to compute" : "";
}

template <typename Operand>
CudnnStrides strides_of(const Operand& x) {
  return {x.batch_stride, x.head_stride, x.token_stride};
}
/// Of [batch, tokens, heads, width].
CudnnStrides strides_of_rows(const AttentionShape& shape, std::int64_t tokens, std::int64_t width) {
  return {tokens * shape.heads * width, width, shape.heads * width};
}

/// The graph, of a backward whose gradients lie like what they are gradients of.
CudnnAttention graph_of(const Sources& s, bool backward) {
  const AttentionShape& shape = s.shape;
  const bool joined = shape.pe_size > 0;
  CudnnAttention graph;
  graph.backward = backward;
  graph.batch = shape.batch;
  graph.heads = shape.heads;
  graph.q_len = shape.q_len;
  graph.kv_len = shape.kv_len;
  graph.head_size = s.width();
  graph.value_size = shape.value_size;
  graph.causal = shape.causal;
  graph.dropout = shape.dropout;
  graph.one_order = backward && attention_backend() == AttentionBackend::automatic;
  graph.q = joined ? strides_of_rows(shape, shape.q_len, s.width()) : strides_of(s.q);
  graph.k = joined ? strides_of_rows(shape, shape.kv_len, s.width()) : strides_of(s.k);
  graph.v = strides_of(s.v);
  graph.out = strides_of(s.out);
  if (!backward) return graph;
  graph.grad_out = graph.out;
  graph.grad_q = graph.q;
  graph.grad_k = graph.k;
  graph.grad_v = graph.v;
  return graph;
}

/// The memory of a run, by number.
struct Bindings {
  std::vector<std::int64_t> numbers;
  std::vector<void*> memory;

  void add(CudnnMemory number, const void* data) {
    numbers.push_back(number);
    memory.push_back(const_cast<void*>(data));
  }
};

class Plans {
 public:
  /// Null if there is none: `why` then says so.
  const CudnnPlan* find(const CudnnAttention& graph, std::string& why) {
    const std::lock_guard lock(mutex_);
    cudnn_ = cudnn_functions(why);
    if (cudnn_ == nullptr) return nullptr;
    auto found = plans_.find(graph);
    if (found == plans_.end()) {
      why = reason_against_another();
      if (!why.empty()) return nullptr;
      found = plans_.emplace(graph, make(graph)).first;
    }
    why = found->second.why_not;
    return found->second.plan.get();
  }

  void run(const Context& context, const CudnnPlan& plan, const Bindings& bindings) {
    const DeviceScratch workspace(context, plan.workspace_bytes());
    const std::lock_guard lock(mutex_);
    try {
      check_cudnn(*cudnn_, cudnn_->set_stream(handle_, static_cast<cudaStream_t>(context.stream)),
                  "stream");
      plan.run(handle_, bindings.numbers, bindings.memory, workspace.as<void>());
    } catch (const CudnnRefusal& refusal) {
      throw DeviceError(fmt::format("[attention] cuDNN failed: {}.", refusal.what()));
    }
  }

 private:
  struct Plan {
    std::unique_ptr<CudnnPlan> plan;
    std::string why_not;
  };

  std::string reason_against_another() const {
    if (plans_.size() >= kMostPlans)
      return fmt::format("{} shapes have plans already, more are not made", kMostPlans);
    if (is_recording()) return "a plan is not made while work is recorded";
    return "";
  }

  Plan make(const CudnnAttention& graph) {
    Plan made;
    try {
      if (handle_ == nullptr) check_cudnn(*cudnn_, cudnn_->create(&handle_), "handle");
      CudnnGraph operations(*cudnn_);
      add_attention(operations, graph);
      made.plan = std::make_unique<CudnnPlan>(*cudnn_, CudnnTarget{.handle = handle_},
                                              std::move(operations));
      if (graph.one_order && made.plan->workspace_bytes() > kMostWorkspace) {
        made.why_not = fmt::format("its backward in one order takes {} bytes of workspace",
                                   made.plan->workspace_bytes());
        made.plan.reset();
      }
    } catch (const CudnnRefusal& refusal) {
      made.why_not = fmt::format("it has no {} of B {} H {} Q {} K {} D {}, {}",
                                 graph.backward ? "backward" : "forward", graph.batch, graph.heads,
                                 graph.q_len, graph.kv_len, graph.head_size, refusal.what());
    }
    return made;
  }

  std::mutex mutex_;
  const CudnnFunctions* cudnn_ = nullptr;
  cudnnHandle_t handle_ = nullptr;
  std::map<CudnnAttention, Plan> plans_;
};

Plans& plans() {
  static auto* const instance = new Plans;  // CUDA may be gone before objects of static lifetime
  return *instance;
}

/// Where cuDNN writes: at the output's place, or in rows of which the output is taken, where that
/// is added to, narrower, or not wanted.
class Target {
 public:
  Target(const Context& context, const AttentionOutput& output, const AttentionShape& shape,
         std::int64_t tokens, std::int64_t size, std::int64_t width)
      : context_(context),
        output_(output),
        shape_(shape),
        tokens_(tokens),
        size_(size),
        width_(width),
        in_place_(output.data != nullptr && output.write == Write::overwrite && size == width &&
                  has_aligned_rows(output)),
        rows_(context, in_place_
                           ? 0
                           : static_cast<std::size_t>(shape.batch * tokens * shape.heads * width) *
                                 sizeof(bf16)) {}

  void* data() const { return in_place_ ? output_.data : rows(); }
  bf16* rows() const { return rows_.as<bf16>(); }
  CudnnStrides strides() const {
    return in_place_ ? strides_of(output_) : strides_of_rows(shape_, tokens_, width_);
  }
  void take() const {
    if (!in_place_) take_columns(context_, output_, rows(), shape_, tokens_, size_, width_);
  }

 private:
  const Context context_;
  const AttentionOutput& output_;
  const AttentionShape& shape_;
  std::int64_t tokens_, size_, width_;
  bool in_place_;
  DeviceScratch rows_;
};

/// Queries and keys as cuDNN takes them.
class Pairs {
 public:
  Pairs(const Context& context, const Sources& s)
      : q_(context, bytes(s, s.shape.q_len)), k_(context, bytes(s, s.shape.kv_len)) {
    if (s.shape.pe_size == 0) {
      q = s.q.data;
      k = s.k.data;
      return;
    }
    join_pair(context, q_.as<bf16>(), s.q, s.pe_q, s.shape, s.shape.q_len, s.shape.pe_scale);
    join_pair(context, k_.as<bf16>(), s.k, s.pe_k, s.shape, s.shape.kv_len, 1.0);
    q = q_.as<bf16>();
    k = k_.as<bf16>();
  }

  const void *q = nullptr, *k = nullptr;

 private:
  static std::size_t bytes(const Sources& s, std::int64_t tokens) {
    return s.shape.pe_size == 0
               ? 0
               : static_cast<std::size_t>(s.shape.batch * tokens * s.shape.heads * s.width()) *
                     sizeof(bf16);
  }
  DeviceScratch q_, k_;
};

/// Numbers of a graph: in the host's memory, which a run reads when it is queued, and the seed.
class Numbers {
 public:
  Numbers(const Context& context, const AttentionShape& shape)
      : causal_(shape.causal),
        drops_(shape.dropout > 0.0),
        scale_(static_cast<float>(shape.scale)),
        keep_(static_cast<float>(1.0 - shape.dropout)),
        keep_scale_(static_cast<float>(1.0 / (1.0 - shape.dropout))),
        seed_(context, drops_ ? 2 * sizeof(std::int64_t) : 0) {
    if (drops_) draw_mask_seed(context, seed_.as<std::int64_t>(), shape);
  }

  void add_to(Bindings& bindings, bool backward) const {
    bindings.add(kCudnnScale, &scale_);
    if (causal_) bindings.add(kCudnnMinusInfinity, &minus_infinity_);
    if (backward) bindings.add(kCudnnKeep, &keep_);
    if (!drops_) return;
    bindings.add(kCudnnKeepScale, &keep_scale_);
    bindings.add(kCudnnSeed, seed_.as<std::int64_t>());
    bindings.add(kCudnnOffset, seed_.as<std::int64_t>() + 1);
  }

 private:
  bool causal_, drops_;
  float scale_, keep_, keep_scale_, minus_infinity_ = -INFINITY;
  DeviceScratch seed_;
};

/// False: own kernels take over. They draw other masks, so with dropout they cannot.
bool fall_back(const AttentionShape& shape, const std::string& why) {
  require<DeviceError>(shape.dropout == 0.0,
                       "[attention] cuDNN must draw the masks of both directions, but {}. Hint: "
                       "kernels.attention=own.",
                       why);
  attention_falls_back(why);
  return false;
}

bool forward(const Context& context, const AttentionForwardArgs& args, const Sources& sources) {
  const AttentionShape& shape = args.shape;
  const Target out(context, args.out, shape, shape.q_len, shape.value_size, shape.value_size);
  CudnnAttention graph = graph_of(sources, false);
  graph.out = out.strides();
  std::string why;
  const CudnnPlan* const plan = plans().find(graph, why);
  if (plan == nullptr) return fall_back(shape, why);
  const Pairs pairs(context, sources);
  const Numbers numbers(context, shape);
  Bindings bindings;
  bindings.add(kCudnnQ, pairs.q);
  bindings.add(kCudnnK, pairs.k);
  bindings.add(kCudnnV, args.v.data);
  bindings.add(kCudnnOut, out.data());
  bindings.add(kCudnnLse, args.lse);
  numbers.add_to(bindings, false);
  plans().run(context, *plan, bindings);
  out.take();
  return true;
}

bool backward(const Context& context, const AttentionBackwardArgs& args, const Sources& sources) {
  const AttentionShape& shape = args.shape;
  if (!has_aligned_rows(args.grad_out))
    return fall_back(shape, "it takes rows at multiples of 16 bytes");
  const std::int64_t width = sources.width();
  const Target grad_q(context, args.grad_q, shape, shape.q_len, shape.head_size, width),
      grad_k(context, args.grad_k, shape, shape.kv_len, shape.head_size, width),
      grad_v(context, args.grad_v, shape, shape.kv_len, shape.value_size, shape.value_size);
  CudnnAttention graph = graph_of(sources, true);
  graph.grad_out = strides_of(args.grad_out);
  graph.grad_q = grad_q.strides();
  graph.grad_k = grad_k.strides();
  graph.grad_v = grad_v.strides();
  std::string why;
  const CudnnPlan* const plan = plans().find(graph, why);
  if (plan == nullptr) return fall_back(shape, why);
  const auto rows = static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len);
  const DeviceScratch delta(context, rows * sizeof(float)),
      grad_q_sum(context,
                 graph.one_order ? 0 : rows * static_cast<std::size_t>(width) * sizeof(float));
  const Pairs pairs(context, sources);
  const Numbers numbers(context, shape);
  Bindings bindings;
  bindings.add(kCudnnQ, pairs.q);
  bindings.add(kCudnnK, pairs.k);
  bindings.add(kCudnnV, args.v.data);
  bindings.add(kCudnnOut, args.out.data);
  bindings.add(kCudnnLse, args.lse);
  bindings.add(kCudnnGradOut, args.grad_out.data);
  bindings.add(kCudnnGradQ, grad_q.data());
  bindings.add(kCudnnGradK, grad_k.data());
  bindings.add(kCudnnGradV, grad_v.data());
  bindings.add(kCudnnDelta, delta.as<float>());
  if (!graph.one_order) bindings.add(kCudnnGradQSum, grad_q_sum.as<float>());
  numbers.add_to(bindings, true);
  plans().run(context, *plan, bindings);
  grad_q.take();
  grad_k.take();
  grad_v.take();
  if (shape.pe_size == 0) return true;
  sum_joined_positions(context, args.grad_pe_q, grad_q.rows(), shape, shape.q_len, shape.pe_scale);
  sum_joined_positions(context, args.grad_pe_k, grad_k.rows(), shape, shape.kv_len, 1.0);
  return true;
}

/// Whether cuDNN computes attention of these sources: both directions ask so. With dropout, only if
/// it has a plan for each.
bool takes(const Sources& s) {
  if (attention_backend() == AttentionBackend::own) return false;
  std::string why = reason_against(s);
  if (why.empty() && s.shape.dropout > 0.0 && plans().find(graph_of(s, false), why) != nullptr)
    plans().find(graph_of(s, true), why);
  if (!why.empty()) attention_falls_back(why);
  return why.empty();
}

}  // namespace

bool attention_forward_cudnn(const Context& context, const AttentionForwardArgs& args) {
  const Sources sources(args);
  return takes(sources) && forward(context, args, sources);
}

bool attention_backward_cudnn(const Context& context, const AttentionBackwardArgs& args) {
  const Sources sources(args);
  return takes(sources) && backward(context, args, sources);
}

}  // namespace seqpe::kernels::cuda
