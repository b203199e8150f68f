#include "kernels/cuda/attention_cudnn.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/attention_backend.h"
#include "kernels/common/error.h"
#include "kernels/cuda/attention_join.h"
#include "kernels/cuda/cudnn_plans.h"
#include "kernels/cuda/scratch.h"

namespace seqpe::kernels::cuda {
namespace {

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
    return fmt::format(
        "it takes heads of 32, 64 or 128 columns, not {}{}{}", size,
        shape.pe_size > 0 ? fmt::format(" + {}", shape.pe_size) : "",
        shape.value_size != size ? fmt::format(" with values of {}", shape.value_size) : "");
  }
  if (s.key_mask != nullptr) return "it is given no key mask";
  if (shape.causal && shape.q_len != shape.kv_len)
    return "it takes causal attention of as many queries as keys";
  if (shape.kv_len <= 16) return "it is not asked for at most 16 keys";
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

/// Of the gradient of x: as x lies, but packed where rows of x might overlap.
template <typename Operand>
CudnnStrides strides_of_gradient(const Operand& x, const AttentionShape& shape, std::int64_t tokens,
                                 std::int64_t width) {
  const bool by_token = x.batch_stride >= tokens * x.token_stride &&
                        x.token_stride >= shape.heads * x.head_stride && x.head_stride >= width;
  const bool by_head = x.batch_stride >= shape.heads * x.head_stride &&
                       x.head_stride >= tokens * x.token_stride && x.token_stride >= width;
  return by_token || by_head ? strides_of(x) : strides_of_rows(shape, tokens, width);
}

/// The graph. Gradients lie like what they are gradients of, and so does that of `out`; with
/// dropout they must, since forward asks for backward's plan, too.
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
  graph.grad_q = joined ? graph.q : strides_of_gradient(s.q, shape, shape.q_len, s.width());
  graph.grad_k = joined ? graph.k : strides_of_gradient(s.k, shape, shape.kv_len, s.width());
  graph.grad_v = strides_of_gradient(s.v, shape, shape.kv_len, shape.value_size);
  return graph;
}

/// Where cuDNN writes: at the output's place, or in rows of which the output is taken, where that
/// is added to, narrower, or not wanted. With dropout the strides are `reserved`: a plan with
/// others might not be had.
class Target {
 public:
  Target(const Context& context, const AttentionOutput& output, const AttentionShape& shape,
         std::int64_t tokens, std::int64_t size, std::int64_t width, const CudnnStrides& reserved)
      : context_(context),
        output_(output),
        shape_(shape),
        tokens_(tokens),
        size_(size),
        packed_(strides_of_rows(shape, tokens, width)),
        in_place_(output.data != nullptr && output.write == Write::overwrite && size == width &&
                  has_aligned_rows(output) &&
                  (shape.dropout == 0.0 || strides_of(output) == reserved)),
        strides_(shape.dropout > 0.0 ? reserved
                 : in_place_         ? strides_of(output)
                                     : packed_),
        rows_(context, in_place_ ? 0 : static_cast<std::size_t>(reach(width)) * sizeof(bf16)) {}

  void* data() const { return in_place_ ? output_.data : rows(); }
  bf16* rows() const { return rows_.as<bf16>(); }
  const CudnnStrides& strides() const { return strides_; }
  void take() const {
    if (in_place_ || output_.data == nullptr) return;
    if (strides_ == packed_)
      return take_columns(context_, output_, rows(), shape_, tokens_, size_, packed_.head);
    for (std::int64_t b = 0; b < shape_.batch; ++b) {
      for (std::int64_t h = 0; h < shape_.heads; ++h) take_head(b, h);
    }
  }

 private:
  std::int64_t reach(std::int64_t width) const {
    return (shape_.batch - 1) * strides_.batch + (shape_.heads - 1) * strides_.head +
           (tokens_ - 1) * strides_.token + width;
  }
  /// One head of one sequence, whose tokens are rows of a whole token's width.
  void take_head(std::int64_t b, std::int64_t h) const {
    AttentionShape one = shape_;
    one.batch = one.heads = 1;
    AttentionOutput to = output_;
    to.data = static_cast<bf16*>(to.data) + b * to.batch_stride + h * to.head_stride;
    take_columns(context_, to, rows() + b * strides_.batch + h * strides_.head, one, tokens_, size_,
                 strides_.token);
  }

  const Context context_;
  const AttentionOutput& output_;
  const AttentionShape& shape_;
  std::int64_t tokens_, size_;
  CudnnStrides packed_;
  bool in_place_;
  CudnnStrides strides_;
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

  void add_to(CudnnBindings& bindings, bool backward) const {
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

/// Seen on Hopper. On compute capability 10.x NVIDIA's own frontend asks for cuDNN 9.18 and for one
/// engine with knobs of its choice besides (cudnn-frontend, scaled_dot_product_flash_attention.h).
std::string reason_against_one_order(int capability) {
  return capability / 10 == 9
             ? ""
             : fmt::format(
                   "its backward is known to add up in one order on compute capability 9.x "
                   "alone, not on {}.{}",
                   capability / 10, capability % 10);
}

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
  CudnnAttention graph = graph_of(sources, false);
  const Target out(context, args.out, shape, shape.q_len, shape.value_size, shape.value_size,
                   graph.out);
  graph.out = out.strides();
  std::string why;
  CudnnAttentionPlan* const plan = cudnn_plans().find(graph, why);
  if (plan == nullptr) return fall_back(shape, why);
  const Pairs pairs(context, sources);
  const Numbers numbers(context, shape);
  CudnnBindings bindings;
  bindings.add(kCudnnQ, pairs.q);
  bindings.add(kCudnnK, pairs.k);
  bindings.add(kCudnnV, args.v.data);
  bindings.add(kCudnnOut, out.data());
  bindings.add(kCudnnLse, args.lse);
  numbers.add_to(bindings, false);
  if (!cudnn_plans().run(context, *plan, bindings, why)) return fall_back(shape, why);
  out.take();
  return true;
}

bool backward(const Context& context, const AttentionBackwardArgs& args, const Sources& sources) {
  const AttentionShape& shape = args.shape;
  if (!has_aligned_rows(args.grad_out))
    return fall_back(shape, "it takes rows at multiples of 16 bytes");
  CudnnAttention graph = graph_of(sources, true);
  std::string why = graph.one_order ? reason_against_one_order(compute_capability()) : "";
  if (!why.empty()) return fall_back(shape, why);
  const std::int64_t width = sources.width();
  const Target grad_q(context, args.grad_q, shape, shape.q_len, shape.head_size, width,
                      graph.grad_q),
      grad_k(context, args.grad_k, shape, shape.kv_len, shape.head_size, width, graph.grad_k),
      grad_v(context, args.grad_v, shape, shape.kv_len, shape.value_size, shape.value_size,
             graph.grad_v);
  graph.grad_out = strides_of(args.grad_out);
  graph.grad_q = grad_q.strides();
  graph.grad_k = grad_k.strides();
  graph.grad_v = grad_v.strides();
  CudnnAttentionPlan* const plan = cudnn_plans().find(graph, why);
  if (plan == nullptr) return fall_back(shape, why);
  const auto rows = static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len);
  const DeviceScratch delta(context, rows * sizeof(float)),
      grad_q_sum(context,
                 graph.one_order ? 0 : rows * static_cast<std::size_t>(width) * sizeof(float));
  const Pairs pairs(context, sources);
  const Numbers numbers(context, shape);
  CudnnBindings bindings;
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
  if (!cudnn_plans().run(context, *plan, bindings, why)) return fall_back(shape, why);
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
  // One query, as in a ViT's last block, is for own kernels: nothing to warn of.
  if (attention_backend() == AttentionBackend::own || s.shape.q_len == 1) return false;
  std::string why = reason_against(s);
  if (why.empty() && s.shape.dropout > 0.0 &&
      cudnn_plans().find(graph_of(s, false), why) != nullptr)
    cudnn_plans().find(graph_of(s, true), why);
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
