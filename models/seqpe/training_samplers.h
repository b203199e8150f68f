// The samplers that a training of SeqPE needs.
#pragma once

#include <optional>

#include "models/seqpe/samplers.h"

namespace seqpe::models {

/// Throws ConfigError where the options do not fit together. `out_dim`: width of an embedding;
/// `window`: {tokens} of a sequence or {rows, columns} of an image's patches, one integer for each
/// of options.dimensions; `batch`: sequences of a step.
struct TrainingSamplers {
  TrainingSamplers(const SeqpeOptions& options, std::int64_t out_dim, const Extent& window,
                   std::int64_t batch, std::uint64_t seed);

  ShiftSampler shift;
  std::optional<ContrastiveSampler> contrastive;  // none where the loss has no weight
  std::optional<TransferSampler> transfer;
};

}  // namespace seqpe::models
