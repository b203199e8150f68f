#include "engine/ops/position.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"

namespace seqpe::ops {
namespace {

struct PositionNode final : autograd::Node {
  Tensor qkv, pe;
  kernels::PositionLayout layout;
  PositionAct act = PositionAct::add;

  void backward() override {
    const auto grad_qkv = grad_target(0), grad_pe = grad_target(1);
    kernels::position_backward(qkv.context(), {.dtype = qkv.dtype(),
                                               .act = act,
                                               .layout = layout,
                                               .grad_qkv = grad_qkv.data(),
                                               .grad_pe = grad_pe.data(),
                                               .write_qkv = grad_qkv.write,
                                               .write_pe = grad_pe.write,
                                               .grad_out = grad_output().data(),
                                               .qkv = qkv.data(),
                                               .pe = pe.data()});
  }
};

}  // namespace

Tensor act_on_queries_and_keys(const Tensor& qkv, const PositionPair& position, std::int64_t heads,
                               PositionAct act, std::int64_t first_sequence) {
  check_floating("position", "qkv", qkv);
  check_floating("position", "pe", position.pe);
  check_same_kind("position", "pe", position.pe, "qkv", qkv);
  require(qkv.rank() == 3 && heads >= 1 && qkv.dim(2) % (3 * heads) == 0,
          "[position] qkv must have shape [B, T, 3 * {} heads * D], got {}.", heads,
          to_string(qkv.shape()));
  const std::int64_t channels = qkv.dim(2) / 3;
  const std::int64_t width = position.shared_by_heads ? channels / heads : channels;
  const Shape& pe = position.pe.shape();
  const std::int64_t pe_width = (position.split ? 2 : 1) * width;
  require(pe.size() == 3 && pe[0] >= 1 && pe[1] == qkv.dim(1) && pe[2] == pe_width,
          "[position] pe must have shape [blocks, {}, {}] (tokens, width of q and k), got {}.",
          qkv.dim(1), pe_width, to_string(pe));
  require(act != PositionAct::rotate || width % 2 == 0,
          "[position] a slice of pe that rotates must have an even width, got {}.", width);
  const kernels::PositionLayout layout{.batch = qkv.dim(0),
                                       .tokens = qkv.dim(1),
                                       .channels = channels,
                                       .blocks = position.pe.dim(0),
                                       .width = position.pe.dim(2),
                                       .q_column = 0,
                                       .k_column = position.split ? width : 0,
                                       .slice = width,
                                       .first_sequence = first_sequence};
  const Tensor out = Tensor::empty(qkv.shape(), qkv.dtype(), qkv.device());
  kernels::position_forward(qkv.context(), {.dtype = qkv.dtype(),
                                            .act = act,
                                            .layout = layout,
                                            .out = out.data(),
                                            .qkv = qkv.data(),
                                            .pe = position.pe.data()});
  if (const auto node = autograd::record<PositionNode>({qkv, position.pe}, {out})) {
    node->qkv = qkv.detach();
    node->pe = position.pe.detach();
    node->layout = layout;
    node->act = act;
  }
  return out;
}

}  // namespace seqpe::ops
