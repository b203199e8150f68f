#pragma once

#include "engine/core/tensor.h"
#include "engine/ops/attention.h"
#include "kernels/position.h"

namespace seqpe::ops {

using kernels::PositionAct;

/// Positions act on queries and keys before attention: added, multiplied, or turning pairs of
/// channels (PositionAct). qkv [B, T, 3C] -> the same shape; sequence b uses block (first_sequence
/// + b) mod blocks of position.pe.
Tensor act_on_queries_and_keys(const Tensor& qkv, const PositionPair& position, std::int64_t heads,
                               PositionAct act, std::int64_t first_sequence);

}  // namespace seqpe::ops
