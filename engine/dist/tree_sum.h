// Sums over ranks in an order that is always the same, whatever carries the pieces.
#pragma once

#include "engine/core/tensor.h"
#include "engine/dist/dist_config.h"

namespace seqpe::dist {

/// The elements as [ranks, elements of a piece]. Throws Error where the ranks do not divide them.
Tensor in_pieces(const Tensor& x, int ranks);

/// Whether f32 elements travel as bf16.
bool travels_rounded(const Tensor& x, Wire wire);

/// to += from. f64 on a device is for a few numbers, losses, alone.
void add_numbers(const Context& context, const Tensor& to, const Tensor& from);

/// The first of the pieces [count, length] becomes the sum of all: ((0 + 1) + (2 + 3)) + ... The
/// others hold anything then. On `context`'s stream.
void sum_in_a_tree(const Context& context, const Tensor& pieces);

}  // namespace seqpe::dist
