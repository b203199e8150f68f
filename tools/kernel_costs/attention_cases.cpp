#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

#include "kernels/attention.h"
#include "kernels/cuda/attention_join.h"
#include "kernels/device.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

/// Self-attention as the model calls it: q, k and v are columns of one matrix [tokens, 3 heads
/// head_size], pe_q and pe_k of another, which the sequences share. With the last token's query
/// alone, q is a matrix of its own.
class SelfAttention {
 public:
  struct Options {
    std::int64_t batch, heads, tokens, head_size = 64, pe_size = 0;
    bool causal = true, last_query = false;
    double dropout = 0.0;
  };

  explicit SelfAttention(const Options& options) {
    shape_.batch = options.batch;
    shape_.heads = options.heads;
    shape_.q_len = options.last_query ? 1 : options.tokens;
    shape_.kv_len = options.tokens;
    shape_.head_size = shape_.value_size = options.head_size;
    shape_.pe_size = options.pe_size;
    shape_.causal = options.causal;
    shape_.dropout = options.dropout;
    shape_.scale = 1.0 / std::sqrt(static_cast<double>(options.head_size));
  }

  std::string name() const {
    return fmt::format("B {} H {} T {}{} D {}{}{}{} bf16", shape_.batch, shape_.heads,
                       shape_.kv_len, has_all_queries() ? "" : ", 1 query", shape_.head_size,
                       shape_.pe_size > 0 ? fmt::format(" + {}", shape_.pe_size) : "",
                       shape_.causal ? " causal" : "", shape_.dropout > 0.0 ? " dropout" : "");
  }

  /// Forward: logits and values; backward: logits, dP and the products for dQ, dK and dV.
  double forward_flops() const { return flops(width() + shape_.value_size); }
  double backward_flops() const { return flops(3 * width() + 2 * shape_.value_size); }

  void forward(Arrays& arrays) const {
    kernels::AttentionForwardArgs args;
    args.dtype = DType::bf16;
    args.shape = shape_;
    args.out = output(arrays.output<bf16>(query_elements()), shape_.q_len, columns());
    args.lse = arrays.output<float>(shape_.batch * shape_.q_len * shape_.heads);
    set_operands(args, arrays);
    kernels::attention_forward(kernels::device_context(), args);
  }

  void backward(Arrays& arrays) const {
    kernels::AttentionBackwardArgs args;
    args.dtype = DType::bf16;
    args.shape = shape_;
    const Sources grad = sources([&](std::int64_t count) { return arrays.output<bf16>(count); });
    args.grad_q = output(grad.q, shape_.q_len, grad.q_stride);
    args.grad_k = output(grad.k, shape_.kv_len, grad.kv_stride);
    args.grad_v = output(grad.v, shape_.kv_len, grad.kv_stride);
    if (shape_.pe_size > 0) {
      const std::int64_t pe_columns = shape_.heads * shape_.pe_size;
      bf16* grad_pe = arrays.output<bf16>(shape_.q_len * 2 * pe_columns);
      args.grad_pe_q = {grad_pe, 0, 2 * pe_columns, shape_.pe_size, Write::overwrite};
      args.grad_pe_k = {grad_pe + pe_columns, 0, 2 * pe_columns, shape_.pe_size, Write::overwrite};
    }
    const std::int64_t outputs = query_elements();
    args.grad_out = operand(arrays.input<bf16>(outputs), shape_.q_len, columns());
    // Over few tokens backward finds in the weights what it otherwise takes from the output.
    args.out = operand(arrays.input<bf16>(outputs, shape_.kv_len <= 16 ? 0 : outputs), shape_.q_len,
                       columns());
    args.lse = arrays.input<float>(shape_.batch * shape_.q_len * shape_.heads);
    set_operands(args, arrays);
    kernels::attention_backward(kernels::device_context(), args);
  }

 private:
  struct Sources {
    bf16 *q, *k, *v;
    std::int64_t q_stride, kv_stride;
  };

  bool has_all_queries() const { return shape_.q_len == shape_.kv_len; }
  std::int64_t columns() const { return shape_.heads * shape_.head_size; }
  std::int64_t query_elements() const { return shape_.batch * shape_.q_len * columns(); }
  std::int64_t key_elements() const { return shape_.batch * shape_.kv_len * columns(); }
  std::int64_t width() const { return shape_.head_size + shape_.pe_size; }

  /// Of products over `columns` in all, for every pair of query and key that may meet.
  double flops(std::int64_t columns) const {
    const std::int64_t queries = shape_.q_len,
                       unseen = shape_.causal ? queries * (queries - 1) / 2 : 0;
    return 2.0 * static_cast<double>(shape_.batch * shape_.heads *
                                     (queries * shape_.kv_len - unseen) * columns);
  }

  /// `make`: memory for a number of elements.
  template <typename Make>
  Sources sources(const Make& make) const {
    const std::int64_t c = columns();
    if (has_all_queries()) {
      bf16* qkv = make(3 * key_elements());
      return {qkv, qkv + c, qkv + 2 * c, 3 * c, 3 * c};
    }
    bf16 *q = make(query_elements()), *kv = make(2 * key_elements());
    return {q, kv, kv + c, c, 2 * c};
  }

  kernels::AttentionOperand operand(const bf16* data, std::int64_t tokens,
                                    std::int64_t stride) const {
    return {data, tokens * stride, stride, shape_.head_size};
  }
  kernels::AttentionOutput output(bf16* data, std::int64_t tokens, std::int64_t stride) const {
    return {data, tokens * stride, stride, shape_.head_size, Write::overwrite};
  }

  template <typename Args>
  void set_operands(Args& args, Arrays& arrays) const {
    const Sources x = sources([&](std::int64_t count) { return arrays.input<bf16>(count); });
    args.q = operand(x.q, shape_.q_len, x.q_stride);
    args.k = operand(x.k, shape_.kv_len, x.kv_stride);
    args.v = operand(x.v, shape_.kv_len, x.kv_stride);
    if (shape_.pe_size == 0) return;
    const std::int64_t pe_columns = shape_.heads * shape_.pe_size;
    const bf16* pe = arrays.input<bf16>(shape_.q_len * 2 * pe_columns);
    args.pe_q = {pe, 0, 2 * pe_columns, shape_.pe_size};
    args.pe_k = {pe + pe_columns, 0, 2 * pe_columns, shape_.pe_size};
  }

  kernels::AttentionShape shape_;
};

/// What is done around cuDNN's attention with a second pair: of queries here, of keys likewise.
void add_join_cases(std::vector<Case>& cases) {
  kernels::AttentionShape shape;
  shape.batch = 32;
  shape.heads = 12;
  shape.q_len = shape.kv_len = 512;
  shape.head_size = shape.value_size = shape.pe_size = 64;
  const std::int64_t columns = shape.heads * shape.head_size, tokens = shape.q_len,
                     elements = shape.batch * tokens * columns;
  const auto add = [&](const char* name, std::function<void(Arrays&)> run) {
    cases.push_back({name, "B 32 H 12 T 512 D 64 + 64 bf16", 0, std::move(run)});
  };
  const std::int64_t row = 3 * columns;  // of queries, keys and values
  add("attention_join", [=](Arrays& arrays) {
    const bf16 *qkv = arrays.input<bf16>(3 * elements, elements),
               *pe = arrays.input<bf16>(2 * tokens * columns, tokens * columns);
    kernels::cuda::join_pair(kernels::device_context(), arrays.output<bf16>(2 * elements),
                             {qkv, tokens * row, row, shape.head_size},
                             {pe, 0, 2 * columns, shape.pe_size}, shape, tokens, 1.0);
  });
  add("attention_take", [=](Arrays& arrays) {
    const bf16* rows = arrays.input<bf16>(2 * elements, elements);
    bf16* qkv = arrays.input<bf16>(3 * elements, elements);
    kernels::cuda::take_columns(kernels::device_context(),
                                {qkv, tokens * row, row, shape.head_size, Write::overwrite}, rows,
                                shape, tokens, shape.head_size, shape.head_size + shape.pe_size);
  });
  add("attention_sum_joined", [=](Arrays& arrays) {
    const bf16* rows = arrays.input<bf16>(2 * elements, elements);
    bf16* pe = arrays.input<bf16>(2 * tokens * columns, tokens * columns);
    kernels::cuda::sum_joined_positions(kernels::device_context(),
                                        {pe, 0, 2 * columns, shape.pe_size, Write::overwrite}, rows,
                                        shape, tokens, 1.0);
  });
}

}  // namespace

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  // GPT-2 small without and with attn_scalar's second pair, evaluated and trained; the encoder's 5
  // or 6 tokens a position, its last block's one query, a narrow encoder.
  for (const SelfAttention::Options& options : std::initializer_list<SelfAttention::Options>{
           {.batch = 32, .heads = 12, .tokens = 512},
           {.batch = 32, .heads = 12, .tokens = 512, .dropout = 0.1},
           {.batch = 32, .heads = 12, .tokens = 512, .pe_size = 64},
           {.batch = 32, .heads = 12, .tokens = 512, .pe_size = 64, .dropout = 0.1},
           {.batch = 1552, .heads = 12, .tokens = 6, .causal = false},
           {.batch = 4096, .heads = 12, .tokens = 5},
           {.batch = 4096, .heads = 12, .tokens = 5, .last_query = true},
           {.batch = 4096, .heads = 4, .tokens = 5, .head_size = 32}}) {
    const SelfAttention attention(options);
    cases.push_back({"attention_forward", attention.name(), attention.forward_flops(),
                     [=](Arrays& arrays) { attention.forward(arrays); }});
    cases.push_back({"attention_backward", attention.name(), attention.backward_flops(),
                     [=](Arrays& arrays) { attention.backward(arrays); }});
  }
  add_join_cases(cases);
  return cases;
}

}  // namespace seqpe::costs
