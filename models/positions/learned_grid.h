// A learned table of an image's patches.
#pragma once

#include "models/positions/position_encoding.h"

namespace seqpe::models {

/// A row for the class token and one for each patch of the trained grid, `pos_embed` [1, 1 + N,
/// width] as in timm. For another grid the patches' rows are resized; the class token's stays.
class LearnedGridPosition final : public PositionEncoding {
 public:
  /// `trained`: {rows, columns}; `resizing` must not be none.
  LearnedGridPosition(Extent trained, std::int64_t width, Interpolation resizing, DType dtype);
  Tensor at_input(const Tensor& x, const PreparedPositions& positions,
                  const nn::Pass& pass) const override;

 private:
  Tensor compute(const PositionGrid& grid, const nn::Pass& pass) const override;

  Extent trained_;
  Interpolation resizing_;
  Tensor table_;
};

}  // namespace seqpe::models
