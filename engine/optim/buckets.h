// Flat buffers cut for the ranks: into buckets, which travel one by one, and those into pieces, one
// a rank.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/optim/parameter_buffers.h"

namespace seqpe::optim {

/// Runs of whole parameters of at most `megabytes` of gradients, a larger parameter alone. The last
/// comes first, as backward completes last what forward used first: the first parameter, the table
/// of a language model's tokens and often its head, lets nothing wait for it and travels alone.
/// Those without weight decay, biases and layer norms, are small and of all layers: they come at
/// the end.
std::vector<Range> bucket_ranges(const ParameterGroup& group, double megabytes);

/// The piece of a rank among `size`: all are equally long, what they leave over is no rank's.
Range piece_of(const Range& bucket, int rank, int size);
/// All pieces together.
Range pieces_of(const Range& bucket, int size);
/// Fewer than `size` elements.
Range left_over(const Range& bucket, int size);

}  // namespace seqpe::optim
