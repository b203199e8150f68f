// What cuDNN's attention needs beside its graphs: queries and keys with their second pair as
// further columns, gradients from there to where they belong, and the seed of its masks. Rows are
// bf16, [batch, tokens, heads, width], contiguous.
#pragma once

#include <cstdint>

#include "kernels/attention.h"
#include "kernels/common/bf16.h"

namespace seqpe::kernels::cuda {

/// rows = [x ; factor pe], of width head_size + pe_size. x and pe have aligned rows, both sizes are
/// multiples of 8.
void join_pair(const Context& context, bf16* rows, const AttentionOperand& x,
               const AttentionOperand& pe, const AttentionShape& shape, std::int64_t tokens,
               double factor);

/// output (=|+=) the first `size` of `width` columns of the rows.
void take_columns(const Context& context, const AttentionOutput& output, const bf16* rows,
                  const AttentionShape& shape, std::int64_t tokens, std::int64_t size,
                  std::int64_t width);

/// grad_pe (=|+=) factor times the last pe_size columns of the rows, summed in order over the
/// sequences of each block, and over the heads if they share a slice.
void sum_joined_positions(const Context& context, const AttentionOutput& output, const bf16* rows,
                          const AttentionShape& shape, std::int64_t tokens, double factor);

/// numbers = {a seed from the key of dropout, 0}: another for each step, layer and first sequence.
void draw_mask_seed(const Context& context, std::int64_t* numbers, const AttentionShape& shape);

}  // namespace seqpe::kernels::cuda
