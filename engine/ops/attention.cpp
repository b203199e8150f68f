#include "engine/ops/attention.h"

#include <cmath>

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "engine/ops/gradient.h"
#include "kernels/attention.h"

namespace seqpe::ops {
namespace {

/// Columns [begin, ...) of the last dimension of a [batch, tokens, width] tensor, from a token on.
kernels::AttentionOperand operand(const Tensor& tensor, std::int64_t begin,
                                  std::int64_t head_stride, std::int64_t token = 0) {
  return {tensor.data_at(token * tensor.dim(2) + begin), tensor.dim(1) * tensor.dim(2),
          tensor.dim(2), head_stride};
}

kernels::AttentionOutput gradient(const Tensor& grad, Write write, std::int64_t begin,
                                  std::int64_t head_stride, std::int64_t token = 0) {
  return {grad.data_at(token * grad.dim(2) + begin), grad.dim(1) * grad.dim(2), grad.dim(2),
          head_stride, write};
}

/// Where q, k and v lie: thirds of one tensor, or q in its own and k, v as halves of a second.
struct Sources {
  Tensor q;   // [B, T, 3C] or [B, Q, C]
  Tensor kv;  // undefined, or [B, T, 2C]
  std::int64_t channels = 0;
  std::int64_t token = 0, queries = 0;  // queries [token, token + queries) of q attend
  std::int64_t position = 0;            // of the first of them among the tokens

  bool fused() const { return !kv.defined(); }
  const Tensor& keys() const { return fused() ? q : kv; }
  std::int64_t key_column() const { return fused() ? channels : 0; }
  std::int64_t value_column() const { return key_column() + channels; }
};

struct AttentionNode final : autograd::Node {
  Sources sources;
  PositionPair position;
  Tensor out, lse, key_mask;
  kernels::AttentionShape shape;

  void backward() override {
    const Tensor grad_out = grad_output().view(out.shape());
    const std::int64_t head = shape.head_size;
    kernels::AttentionBackwardArgs args;
    args.dtype = out.dtype();
    args.shape = shape;
    args.grad_out = operand(grad_out, 0, head);
    args.out = operand(out, 0, head);
    args.lse = lse.data();
    args.q = operand(sources.q, 0, head, sources.token);
    args.k = operand(sources.keys(), sources.key_column(), head);
    args.v = operand(sources.keys(), sources.value_column(), head);
    args.key_mask = key_mask.defined() ? key_mask.data_as<std::uint8_t>() : nullptr;

    const auto grad_q = target(0, sources.queries == sources.q.dim(1));
    const auto grad_kv = sources.fused() ? grad_q : grad_target(1);
    if (grad_q) args.grad_q = gradient(grad_q.grad, grad_q.write, 0, head, sources.token);
    if (grad_kv) {
      args.grad_k = gradient(grad_kv.grad, grad_kv.write, sources.key_column(), head);
      args.grad_v = gradient(grad_kv.grad, grad_kv.write, sources.value_column(), head);
    }
    if (!position.pe.defined()) return kernels::attention_backward(out.context(), args);

    const std::int64_t stride = position.shared_by_heads ? 0 : shape.pe_size;
    const std::int64_t k_column = position.split ? position.width() : 0;
    args.pe_q = operand(position.pe, 0, stride, sources.position);
    args.pe_k = operand(position.pe, k_column, stride);
    const auto grad_pe = target(2, sources.queries == position.pe.dim(1));
    if (!grad_pe) return kernels::attention_backward(out.context(), args);
    args.grad_pe_q = gradient(grad_pe.grad, grad_pe.write, 0, stride, sources.position);
    if (position.split) {
      args.grad_pe_k = gradient(grad_pe.grad, grad_pe.write, k_column, stride);
      return kernels::attention_backward(out.context(), args);
    }
    // pe_q and pe_k are the same tensor: the second gradient is added when both are complete.
    const Tensor grad_k = Tensor::empty(position.pe.shape(), out.dtype(), out.device());
    args.grad_pe_k = gradient(grad_k, Write::overwrite, 0, stride);
    kernels::attention_backward(out.context(), args);
    write_gradient({grad_pe.grad, Write::accumulate}, grad_k);
  }

 private:
  /// Tokens whose queries do not attend have none of the gradient of theirs.
  autograd::GradTarget target(std::size_t input, bool all_attend) {
    autograd::GradTarget target = grad_target(input);
    if (!target || all_attend || target.write == Write::accumulate) return target;
    target.grad.clear();
    target.write = Write::accumulate;
    return target;
  }
};

void check_position(const PositionPair& position, const Tensor& keys, const char* name,
                    std::int64_t heads) {
  const Tensor& pe = position.pe;
  check_floating("attention", "pe", pe);
  check_same_kind("attention", "pe", pe, name, keys);
  require(pe.rank() == 3 && pe.dim(0) >= 1 && pe.dim(1) == keys.dim(1),
          "[attention] pe must have shape [blocks, {}, width] (tokens of {}), got {}.", keys.dim(1),
          name, to_string(pe.shape()));
  const std::int64_t parts = (position.split ? 2 : 1) * (position.shared_by_heads ? 1 : heads);
  require(pe.dim(2) % parts == 0,
          "[attention] the width of pe must be a multiple of {} slices, got {}.", parts, pe.dim(2));
}

Tensor run(const Sources& sources, const AttentionOptions& options, const PositionPair& position) {
  const Tensor &q = sources.q, &keys = sources.keys();
  const std::int64_t channels = sources.channels, heads = options.heads;
  require(options.dropout >= 0.0 && options.dropout < 1.0,
          "[attention] dropout must lie in [0, 1), got {}.", options.dropout);
  const std::int64_t queries = options.queries > 0 ? options.queries : sources.queries,
                     last_query = options.first_query + sources.queries;
  require(options.first_query >= 0 && last_query <= queries,
          "[attention] queries [{}, {}) must lie in [0, {}) (AttentionOptions::queries).",
          options.first_query, last_query, queries);
  require(!options.causal || last_query == queries,
          "[attention] causal queries must be the last of {}, got [{}, {}).", queries,
          options.first_query, last_query);
  kernels::AttentionShape shape;
  shape.batch = q.dim(0);
  shape.heads = heads;
  shape.q_len = sources.queries;
  shape.kv_len = keys.dim(1);
  shape.head_size = shape.value_size = channels / heads;
  shape.causal = options.causal;
  shape.scale = 1.0 / std::sqrt(static_cast<double>(shape.head_size));
  shape.pe_scale = options.pe_scale;
  shape.dropout = options.dropout;
  shape.dropout_key = options.dropout_key;
  shape.dropout_step = options.dropout_step;
  shape.first_query = options.first_query;
  shape.queries = options.queries;
  shape.first_sequence = options.first_sequence;
  if (options.key_mask.defined()) {
    check_shape("attention", "key_mask", options.key_mask, {shape.batch, shape.kv_len}, "[B, T]");
    require(options.key_mask.dtype() == DType::u8, "[attention] key_mask must be u8, got {}.",
            name_of(options.key_mask.dtype()));
  }

  const Tensor out = Tensor::empty({shape.batch, shape.q_len, channels}, q.dtype(), q.device());
  const Tensor lse =
      Tensor::empty({shape.batch, heads, shape.q_len}, acc_dtype(q.dtype()), q.device());
  kernels::AttentionForwardArgs args;
  if (position.pe.defined()) {
    shape.pe_size = position.slice(heads);
    shape.pe_blocks = position.pe.dim(0);
    const std::int64_t stride = position.shared_by_heads ? 0 : shape.pe_size;
    args.pe_q = operand(position.pe, 0, stride, sources.position);
    args.pe_k = operand(position.pe, position.split ? position.width() : 0, stride);
  }
  args.dtype = q.dtype();
  args.shape = shape;
  args.out = gradient(out, Write::overwrite, 0, shape.value_size);
  args.lse = lse.data();
  args.q = operand(q, 0, shape.head_size, sources.token);
  args.k = operand(keys, sources.key_column(), shape.head_size);
  args.v = operand(keys, sources.value_column(), shape.head_size);
  const Tensor key_mask = options.key_mask.defined() ? options.key_mask.to(q.device()) : Tensor();
  args.key_mask = key_mask.defined() ? key_mask.data_as<std::uint8_t>() : nullptr;
  kernels::attention_forward(q.context(), args);

  if (const auto node = autograd::record<AttentionNode>({q, sources.kv, position.pe}, {out})) {
    node->sources = sources;
    node->sources.q = q.detach();
    node->sources.kv = sources.kv.detach();
    node->position = position;
    node->position.pe = position.pe.detach();
    node->out = out.detach();
    node->lse = lse;
    node->key_mask = key_mask;
    node->shape = shape;
  }
  return out;
}

void check_fused(const Tensor& qkv, const AttentionOptions& options, const PositionPair& position) {
  check_floating("attention", "qkv", qkv);
  require(qkv.rank() == 3 && options.heads >= 1 && qkv.dim(2) % (3 * options.heads) == 0,
          "[attention] qkv must have shape [B, T, 3 * {} heads * D], got {}.", options.heads,
          to_string(qkv.shape()));
  if (position.pe.defined()) check_position(position, qkv, "qkv", options.heads);
}

}  // namespace

Tensor attention(const Tensor& qkv, const AttentionOptions& options, const PositionPair& position) {
  check_fused(qkv, options, position);
  return run({qkv, {}, qkv.dim(2) / 3, 0, qkv.dim(1)}, options, position);
}

Tensor attention_of_token(const Tensor& qkv, std::int64_t token, const AttentionOptions& options,
                          const PositionPair& position) {
  check_fused(qkv, options, position);
  const std::int64_t tokens = qkv.dim(1);
  require(token >= 0 && token < tokens, "[attention] token must lie in [0, {}), got {}.", tokens,
          token);
  require(options.first_query == 0 && options.queries == 0,
          "[attention] first_query and queries must be 0, they are the token's, got {} and {}.",
          options.first_query, options.queries);
  AttentionOptions of_token = options;
  of_token.first_query = token;
  of_token.queries = tokens;
  return run({qkv, {}, qkv.dim(2) / 3, token, 1, token}, of_token, position);
}

Tensor attention(const Tensor& q, const Tensor& kv, const AttentionOptions& options,
                 const PositionPair& position) {
  check_floating("attention", "q", q);
  check_floating("attention", "kv", kv);
  check_same_kind("attention", "kv", kv, "q", q);
  require(q.rank() == 3 && options.heads >= 1 && q.dim(2) % options.heads == 0,
          "[attention] q must have shape [B, Q, {} heads * D], got {}.", options.heads,
          to_string(q.shape()));
  require(
      kv.rank() == 3 && kv.dim(0) == q.dim(0) && kv.dim(2) == 2 * q.dim(2) && kv.dim(1) >= q.dim(1),
      "[attention] kv must have shape [{}, at least {}, {}] for q {}, got {}.", q.dim(0), q.dim(1),
      2 * q.dim(2), to_string(q.shape()), to_string(kv.shape()));
  if (position.pe.defined()) {
    check_position(position, kv, "kv", options.heads);
    const std::int64_t last = options.first_query + q.dim(1);
    require(options.causal ? last == kv.dim(1) : last <= kv.dim(1),
            "[attention] queries [{}, {}) must {} {} tokens for their positions "
            "(AttentionOptions::first_query).",
            options.first_query, last, options.causal ? "be the last of" : "lie in", kv.dim(1));
  }
  return run({q, kv, q.dim(2), 0, q.dim(1), options.first_query}, options, position);
}

}  // namespace seqpe::ops
