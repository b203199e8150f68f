#include "models/seqpe/training_samplers.h"

#include "kernels/common/error.h"

namespace seqpe::models {
namespace {

/// A loss by head cuts an embedding into as many slices as the encoder has heads.
void check_slices(const char* loss, double weight, bool per_head, std::int64_t heads,
                  std::int64_t out_dim) {
  require<ConfigError>(weight == 0 || !per_head || out_dim % heads == 0,
                       "[config] seqpe.{}.per_head needs seqpe.encoder.heads {} to divide an "
                       "embedding's width {}. Hint: seqpe.{}.per_head=false, or other heads.",
                       loss, heads, out_dim, loss);
}

PositionSpace space_of(const SeqpeOptions& options) {
  return PositionSpace(options.max_position, options.dimensions);
}

}  // namespace

TrainingSamplers::TrainingSamplers(const SeqpeOptions& options, std::int64_t out_dim,
                                   const Extent& window, std::int64_t batch, std::uint64_t seed)
    : shift(options.shift, space_of(options), window, batch, seed) {
  const PositionSpace space = space_of(options);
  const std::int64_t heads = options.encoder.heads;
  const ContrastiveOptions& contrast = options.contrastive;
  const TransferOptions& transfers = options.transfer;
  check_slices("contrastive", contrast.weight, contrast.per_head, heads, out_dim);
  check_slices("transfer", transfers.weight, transfers.per_head, heads, out_dim);
  if (contrast.weight > 0) {
    contrastive.emplace(contrast, space, seed, options.base,
                        space.dimensions() == 1 ? MixtureShares() : kImageMixture);
  }
  if (transfers.weight > 0) transfer.emplace(transfers, space, window, seed);
}

}  // namespace seqpe::models
