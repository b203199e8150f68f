// The two regularisers of SeqPE (arXiv 2506.13277, section 3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/core/tensor.h"
#include "models/seqpe/options.h"

namespace seqpe::models {

/// Embedding distance follows position distance: each pivot must pick, by inner product, the
/// candidate nearest to it. pivots [P, E], candidates [P * num, E], labels i64 [P, slices] in
/// [0, num), a pivot's own for each slice of E (repeated_labels) -> mean cross-entropy over pivots
/// and slices, whose logits are computed on their own (one element).
Tensor contrastive_loss(const Tensor& pivots, const Tensor& candidates, const Tensor& labels,
                        double logit_scale, double label_smoothing = 0.0);

/// Labels [P] -> i64 [P, slices] on the CPU.
Tensor repeated_labels(const std::vector<std::int64_t>& labels, std::int64_t slices);

/// Far positions keep the geometry of the trained ones: the Gram matrices of the embeddings at
/// starts + indices (student) follow those at the indices (teacher), as log-softmax rows. main [N,
/// E]: the step's own first block; transfer [starts * indices, E]; indices i64 [starts, indices]
/// into N. loss = beta * D(stop(teacher), student) + (1 - beta) * D(teacher, stop(student)), D both
/// directions summed.
Tensor transfer_loss(const Tensor& main, const Tensor& transfer, const Tensor& indices,
                     std::int64_t heads, const TransferOptions& options);

}  // namespace seqpe::models
