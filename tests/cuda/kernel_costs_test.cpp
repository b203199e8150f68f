// Every device kernel on the recipe's shapes, held to what a GPU must not waste.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "tools/kernel_costs/case_cost.h"

namespace seqpe::costs {
namespace {

/// The language model's: over the encoder's few tokens attention needs no shared memory.
template <typename CaseOrResult>
bool is_tiled_attention(const CaseOrResult& one) {
  return one.name.rfind("attention", 0) == 0 && one.shape.find(" T 512 ") != std::string::npos;
}

/// Whose last blocks, or last iterations, have less to do: 224 rows in tiles of 9, more packs than
/// some whole grids have threads.
bool ends_unevenly(const Case& one) {
  return one.name == "image_batch" || one.name == "patches";
}

class KernelCosts : public testing::TestWithParam<Case> {
 protected:
  // Fewer blocks than the command counts: seconds instead of half a minute. Not where they differ
  // in their work, as attention's: of so few too many would be heavy ones.
  KernelCosts() {
    if (is_tiled_attention(GetParam()) || ends_unevenly(GetParam())) return;
    simt::set_sampling({.whole = 128, .some = 8});
  }
  ~KernelCosts() override { simt::set_sampling({}); }
};

/// Of the roofline, on each of simt::kGpus: A100, H100, H200.
using Shares = std::array<double, kGpuCount>;
constexpr Shares on_each(double share) {
  return {share, share, share};
}

/// What the tiled kernels reach, less one or two hundredths, by the blocks that are counted, of
/// which a few more are heavy ones than there are. They wait for shared memory, the more so the
/// faster a GPU's memory is; with positions backward also writes partial gradients of them.
Shares least_shares_of_tiled_attention(const CaseResult& result) {
  const bool with_positions = result.shape.find(" + ") != std::string::npos;
  if (result.name == "attention_forward")
    return with_positions ? Shares{0.85, 0.80, 0.55} : Shares{0.99, 0.99, 0.87};
  return with_positions ? Shares{0.50, 0.34, 0.30} : Shares{0.55, 0.54, 0.39};
}

/// What a kernel must be able to reach.
Shares least_shares(const CaseResult& result) {
  if (is_tiled_attention(result)) return least_shares_of_tiled_attention(result);
  // Sorting 4096 indices occupies 4 multiprocessors.
  if (result.name == "embedding_backward") return on_each(0.54);
  // Its two kernels read the gradient of queries and keys, one after the other.
  if (result.name == "position_backward") return on_each(0.79);
  // So few angles that they occupy 37 multiprocessors forward, 19 backward, for less than 0.2 us.
  if (result.name == "sine_cosine_forward") return {0.98, 0.98, 0.72};
  if (result.name == "sine_cosine_backward") return {0.83, 0.65, 0.45};
  return on_each(0.93);
}

TEST_P(KernelCosts, KeepsItsGoals) {
  const CaseResult result = count(GetParam());
  for (const LaunchResult& launch : result.launches) {
    EXPECT_TRUE(launch.registers.has_value())
        << launch.function << " is not in kernels/cuda/registers.inc. Hint: where nvcc is, "
        << "tools/kernel_registers.sh writes it.";
  }
  // Nothing that must be moved is missed by the counter, but for a few blocks' uneven share.
  EXPECT_LE(result.memory_efficiency, 1.005);
  const Shares least = least_shares(result);
  for (std::size_t i = 0; i < kGpuCount; ++i)
    EXPECT_GE(result.roofline[i], least[i]) << simt::kGpus[i].name;
  if (is_tiled_attention(result)) {
    EXPECT_LE(result.bank_conflict, 2u);
  } else {
    EXPECT_GE(result.sector_efficiency, 0.95);
  }
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name + "_" + info.param.shape;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Recipe, KernelCosts, testing::ValuesIn(all_cases()), name_of);

}  // namespace

void PrintTo(const Case& one, std::ostream* out) {
  *out << one.name << " " << one.shape;
}

}  // namespace seqpe::costs
