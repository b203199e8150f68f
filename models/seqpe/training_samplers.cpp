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

}  // namespace

TrainingSamplers::TrainingSamplers(const SeqpeOptions& options, std::int64_t out_dim,
                                   std::int64_t length, std::int64_t batch, std::uint64_t seed)
    : shift(options.shift, options.max_position, length, batch, seed) {
  const std::int64_t heads = options.encoder.heads;
  const ContrastiveOptions& contrast = options.contrastive;
  const TransferOptions& transfers = options.transfer;
  check_slices("contrastive", contrast.weight, contrast.per_head, heads, out_dim);
  check_slices("transfer", transfers.weight, transfers.per_head, heads, out_dim);
  if (contrast.weight > 0) contrastive.emplace(contrast, options.max_position, seed, options.base);
  if (transfers.weight > 0) transfer.emplace(transfers, options.max_position, length, seed);
}

}  // namespace seqpe::models
