// The layouts of position embeddings, for the tests on the CPU and on a device.
#pragma once

#include "kernels/position.h"

namespace seqpe::test {

// Queries and keys with columns of their own or the same; a slice a head or all channels; columns
// that nobody uses; blocks that no sequence uses; packs and single elements.
inline constexpr kernels::PositionLayout kPositionLayouts[] = {
    {.batch = 0, .tokens = 3, .channels = 4, .width = 4, .slice = 4},
    {.batch = 1, .tokens = 1, .channels = 1, .width = 1, .slice = 1},
    {.batch = 2, .tokens = 5, .channels = 33, .width = 66, .k_column = 33, .slice = 33},
    {.batch = 3, .tokens = 5, .channels = 12, .width = 12, .slice = 12},
    {.batch = 3, .tokens = 4, .channels = 12, .width = 3, .slice = 3},
    {.batch = 9, .tokens = 3, .channels = 32, .width = 24, .k_column = 16, .slice = 8},
    {.batch = 3, .tokens = 5, .channels = 16, .width = 16, .slice = 16},
    {.batch = 1, .tokens = 2, .channels = 520, .width = 1040, .k_column = 520, .slice = 520},
    {.batch = 5,
     .tokens = 3,
     .channels = 10,
     .blocks = 3,
     .width = 13,
     .q_column = 7,
     .k_column = 1,
     .slice = 5,
     .first_sequence = 4},
    {.batch = 2,
     .tokens = 3,
     .channels = 16,
     .blocks = 4,
     .width = 40,
     .q_column = 8,
     .k_column = 24,
     .slice = 16,
     .first_sequence = 3},
};
inline constexpr kernels::PositionAct kElementwiseActs[] = {kernels::PositionAct::add,
                                                            kernels::PositionAct::multiply};
inline constexpr kernels::PositionAct kPositionActs[] = {
    kernels::PositionAct::add, kernels::PositionAct::multiply, kernels::PositionAct::rotate};

/// A turn takes pairs of channels.
constexpr bool can_act(kernels::PositionAct act, const kernels::PositionLayout& layout) {
  return act != kernels::PositionAct::rotate || layout.slice % 2 == 0;
}

}  // namespace seqpe::test
