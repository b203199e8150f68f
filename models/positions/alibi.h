// A penalty on the logits that grows with the distance (ALiBi, Press et al., 2022).
#pragma once

#include "models/positions/position_encoding.h"
#include "models/positions/position_table.h"

namespace seqpe::models {

/// As the reference has it: logits (q . k + slope_h * p) / sqrt(D) for a key at position p, which
/// softmax takes for the distance. The sum is that of a second pair (attn_scalar): the query's half
/// of an embedding is ones, the key's the parts of slope_h * p, each of which bf16 holds exactly.
class AlibiPosition final : public PositionEncoding {
 public:
  /// `train_length`: rows that are kept; any other position may be asked for.
  AlibiPosition(std::int64_t train_length, std::int64_t heads);
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  PositionTable table_;
};

/// The paper's: 2^(-8 h / heads), h from 1, where `heads` is a power of two; else those of the
/// largest one below it, then every second one of twice as many.
std::vector<double> alibi_slopes(std::int64_t heads);

}  // namespace seqpe::models
