// SeqPE as the position encoding of a model: the encoder, and how its embeddings act (seqpe.apply,
// seqpe.qk_projection).
#pragma once

#include <memory>
#include <vector>

#include "models/positions/position_encoding.h"
#include "models/seqpe/encoder.h"

namespace seqpe::models {

class SeqpePosition final : public PositionEncoding {
 public:
  SeqpePosition(const SeqpeOptions& options, std::int64_t layers, std::int64_t width,
                std::int64_t heads, DType dtype);

  Tensor embed(const std::vector<std::int64_t>& starts, std::int64_t length,
               const nn::Pass& pass) const override;
  PreparedPositions prepare(const Tensor& pe, DType dtype) const override;
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;
  void at_attention(std::int64_t layer, const PreparedPositions& positions, const nn::Pass& pass,
                    nn::SelfAttention::Extra& extra) const override;

  /// Not a child: the encoder is a model of its own, with its own file, learning rate and clipping.
  SeqpeEncoder& encoder() { return encoder_; }
  const SeqpeEncoder& encoder() const { return encoder_; }
  const SeqpeOptions& options() const { return options_; }

 private:
  ops::PositionPair project(const nn::Linear& projection, const Tensor& pe) const;

  SeqpeOptions options_;
  std::int64_t heads_;
  SeqpeEncoder encoder_;
  std::vector<std::unique_ptr<nn::Linear>> pe_qk_;  // one, one a layer, or none
};

/// Width of an embedding: the model's, or one head's if the heads share it.
std::int64_t seqpe_out_dim(const SeqpeOptions& options, std::int64_t width, std::int64_t heads);

/// Positions starts[b], starts[b] + 1, ..., `length` each.
std::vector<std::int64_t> runs_of_positions(const std::vector<std::int64_t>& starts,
                                            std::int64_t length);

}  // namespace seqpe::models
