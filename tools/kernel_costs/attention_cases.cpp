#include <fmt/format.h>

#include <cmath>

#include "kernels/attention.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {
namespace {

constexpr Context kCuda{Device::cuda, nullptr};

/// Self-attention as the model calls it: q, k and v are columns of one matrix [tokens, 3 heads
/// head_size], pe_q and pe_k of another, which the sequences share.
class SelfAttention {
 public:
  SelfAttention(std::int64_t batch, std::int64_t heads, std::int64_t tokens, std::int64_t pe_size,
                bool causal) {
    constexpr std::int64_t kHead = 64;
    shape_.batch = batch;
    shape_.heads = heads;
    shape_.q_len = shape_.kv_len = tokens;
    shape_.head_size = shape_.value_size = kHead;
    shape_.pe_size = pe_size;
    shape_.causal = causal;
    shape_.scale = 1.0 / std::sqrt(kHead);
  }

  std::string name() const {
    return fmt::format("B {} H {} T {} D {}{}{} bf16", shape_.batch, shape_.heads, shape_.q_len,
                       shape_.head_size,
                       shape_.pe_size > 0 ? fmt::format(" + {}", shape_.pe_size) : "",
                       shape_.causal ? " causal" : "");
  }

  /// Forward: logits and values; backward: logits, dP and the products for dQ, dK and dV.
  double forward_flops() const { return flops(width() + shape_.value_size); }
  double backward_flops() const { return flops(3 * width() + 2 * shape_.value_size); }

  void forward(Arrays& arrays) const {
    kernels::AttentionForwardArgs args;
    args.dtype = DType::bf16;
    args.shape = shape_;
    args.out = output(arrays.output<bf16>(rows() * columns()), columns());
    args.lse = arrays.output<float>(rows() * shape_.heads);
    set_operands(args, arrays);
    kernels::attention_forward(kCuda, args);
  }

  void backward(Arrays& arrays) const {
    kernels::AttentionBackwardArgs args;
    args.dtype = DType::bf16;
    args.shape = shape_;
    bf16* grad_qkv = arrays.output<bf16>(rows() * 3 * columns());
    args.grad_q = output(grad_qkv, 3 * columns());
    args.grad_k = output(grad_qkv + columns(), 3 * columns());
    args.grad_v = output(grad_qkv + 2 * columns(), 3 * columns());
    if (shape_.pe_size > 0) {
      const std::int64_t pe_columns = shape_.heads * shape_.pe_size;
      bf16* grad_pe = arrays.output<bf16>(shape_.q_len * 2 * pe_columns);
      args.grad_pe_q = {grad_pe, 0, 2 * pe_columns, shape_.pe_size, Write::overwrite};
      args.grad_pe_k = {grad_pe + pe_columns, 0, 2 * pe_columns, shape_.pe_size, Write::overwrite};
    }
    args.grad_out = operand(arrays.input<bf16>(rows() * columns()), columns());
    args.out = operand(arrays.input<bf16>(rows() * columns()), columns());
    args.lse = arrays.input<float>(rows() * shape_.heads);
    set_operands(args, arrays);
    kernels::attention_backward(kCuda, args);
  }

 private:
  std::int64_t rows() const { return shape_.batch * shape_.q_len; }
  std::int64_t columns() const { return shape_.heads * shape_.head_size; }
  std::int64_t width() const { return shape_.head_size + shape_.pe_size; }

  /// Of products over `columns` in all, for every pair of query and key that may meet.
  double flops(std::int64_t columns) const {
    const std::int64_t tokens = shape_.q_len;
    const std::int64_t pairs = shape_.causal ? tokens * (tokens + 1) / 2 : tokens * tokens;
    return 2.0 * static_cast<double>(shape_.batch * shape_.heads * pairs * columns);
  }

  kernels::AttentionOperand operand(const bf16* data, std::int64_t stride) const {
    return {data, shape_.q_len * stride, stride, shape_.head_size};
  }
  kernels::AttentionOutput output(bf16* data, std::int64_t stride) const {
    return {data, shape_.q_len * stride, stride, shape_.head_size, Write::overwrite};
  }

  template <typename Args>
  void set_operands(Args& args, Arrays& arrays) const {
    const bf16* qkv = arrays.input<bf16>(rows() * 3 * columns());
    args.q = operand(qkv, 3 * columns());
    args.k = operand(qkv + columns(), 3 * columns());
    args.v = operand(qkv + 2 * columns(), 3 * columns());
    if (shape_.pe_size == 0) return;
    const std::int64_t pe_columns = shape_.heads * shape_.pe_size;
    const bf16* pe = arrays.input<bf16>(shape_.q_len * 2 * pe_columns);
    args.pe_q = {pe, 0, 2 * pe_columns, shape_.pe_size};
    args.pe_k = {pe + pe_columns, 0, 2 * pe_columns, shape_.pe_size};
  }

  kernels::AttentionShape shape_;
};

}  // namespace

std::vector<Case> attention_cases() {
  std::vector<Case> cases;
  // GPT-2 small without and with attn_scalar's second pair; the encoder's 6 tokens a position.
  for (const SelfAttention& attention :
       {SelfAttention(8, 12, 512, 0, true), SelfAttention(8, 12, 512, 64, true),
        SelfAttention(1552, 12, 6, 0, false)}) {
    cases.push_back({"attention_forward", attention.name(), attention.forward_flops(),
                     [=](Arrays& arrays) { attention.forward(arrays); }});
    cases.push_back({"attention_backward", attention.name(), attention.backward_flops(),
                     [=](Arrays& arrays) { attention.backward(arrays); }});
  }
  return cases;
}

}  // namespace seqpe::costs
