// The embeddings of sequences of many lengths from one start, made once where that is right.
#pragma once

#include "models/positions/position_encoding.h"

namespace seqpe::models {

class PrefixPositions {
 public:
  /// Sequences of at most `longest` tokens, all from position `start`. `encoding` must outlive
  /// this.
  PrefixPositions(const PositionEncoding& encoding, std::int64_t start, std::int64_t longest);
  /// [1, length, W]; undefined if the encoding has none.
  Tensor of(std::int64_t length) const;

 private:
  const PositionEncoding& encoding_;
  std::int64_t start_;
  bool shared_;  // a shorter sequence takes the first rows of a longer one
  Tensor all_;   // [1, longest, W] if shared
};

}  // namespace seqpe::models
