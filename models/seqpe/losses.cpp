#include "models/seqpe/losses.h"

#include "engine/ops/cross_entropy.h"
#include "engine/ops/divergence.h"
#include "engine/ops/embedding.h"
#include "engine/ops/head_scores.h"
#include "engine/ops/loss.h"
#include "engine/ops/softmax.h"

namespace seqpe::models {
namespace {

using Losses = std::vector<ops::WeightedLoss>;

/// log_softmax of the Gram matrix of each head slice: [starts, n, E] -> [starts, heads, n, n].
Tensor log_gram(const Tensor& embeddings, std::int64_t heads, double logit_scale) {
  return ops::log_softmax(ops::head_scores(embeddings, embeddings, heads, logit_scale));
}

Losses both_directions(const Tensor& a, const Tensor& b, TransferMetric metric, double weight) {
  if (metric == TransferMetric::mse)
    return {{ops::divergence(a, b, ops::DivergenceKind::mse), weight}};
  return {{ops::divergence(a, b, ops::DivergenceKind::kl_div), weight},
          {ops::divergence(b, a, ops::DivergenceKind::kl_div), weight}};
}

}  // namespace

Tensor contrastive_loss(const Tensor& pivots, const Tensor& candidates, const Tensor& labels,
                        double logit_scale, double label_smoothing) {
  const std::int64_t count = pivots.dim(0), width = pivots.dim(1);
  require(labels.rank() == 2 && labels.dim(0) == count,
          "[contrastive_loss] labels must have shape [{}, slices] for the pivots, got {}.", count,
          to_string(labels.shape()));
  require(candidates.rank() == 2 && candidates.dim(1) == width && candidates.dim(0) % count == 0,
          "[contrastive_loss] candidates must have shape [{} * num, {}] for the pivots, got {}.",
          count, width, to_string(candidates.shape()));
  const std::int64_t num = candidates.dim(0) / count;
  const std::int64_t slices = labels.dim(1);
  const Tensor logits =
      ops::head_scores(pivots.view({count, 1, width}), candidates.view({count, num, width}), slices,
                       logit_scale);  // [P, slices, 1, num]
  return ops::cross_entropy(logits.view({count * slices, num}), labels, label_smoothing,
                            static_cast<double>(count * slices))
      .loss;
}

Tensor repeated_labels(const std::vector<std::int64_t>& labels, std::int64_t slices) {
  std::vector<std::int64_t> repeated;
  for (const std::int64_t label : labels)
    repeated.insert(repeated.end(), static_cast<std::size_t>(slices), label);
  return Tensor::from({static_cast<std::int64_t>(labels.size()), slices}, repeated);
}

Tensor transfer_loss(const Tensor& main, const Tensor& transfer, const Tensor& indices,
                     std::int64_t heads, const TransferOptions& options) {
  const std::int64_t starts = indices.dim(0), count = indices.dim(1), width = main.dim(1);
  require(transfer.rank() == 2 && transfer.dim(0) == starts * count && transfer.dim(1) == width,
          "[transfer_loss] transfer must have shape [{} * {}, {}], got {}.", starts, count, width,
          to_string(transfer.shape()));
  const std::int64_t slices = options.per_head ? heads : 1;
  const Tensor student =
      log_gram(transfer.view({starts, count, width}), slices, options.logit_scale);
  const bool teaches_both = options.beta < 1.0;
  const Tensor teacher = log_gram(ops::embedding(teaches_both ? main : main.detach(), indices),
                                  slices, options.logit_scale);
  Losses losses = both_directions(teacher.detach(), student, options.metric, options.beta);
  if (teaches_both) {
    const Losses other =
        both_directions(teacher, student.detach(), options.metric, 1.0 - options.beta);
    losses.insert(losses.end(), other.begin(), other.end());
  }
  return ops::weighted_sum(losses);
}

}  // namespace seqpe::models
