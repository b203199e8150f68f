#include "kernels/common/isa.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/common/error.h"

namespace seqpe::kernels {
namespace {

std::set<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

/// What the operating system says that this processor has and that it saves registers for.
std::set<std::string> processor_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("flags")) return words_of(line);
  }
  return {};
}

/// The levels that this processor runs, by the names that /proc/cpuinfo has for what the x86-64
/// psABI asks of each ("pni" is SSE3, "abm" LZCNT).
std::vector<std::string> levels_of_processor() {
  const std::pair<const char*, const char*> needs[] = {
      {"v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"},
      {"v3", "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"},
      {"v4", "avx512f avx512bw avx512cd avx512dq avx512vl"}};
  const std::set<std::string> has = processor_flags();
  std::vector<std::string> levels;
  for (const auto& [level, flags] : needs) {
    for (const std::string& flag : words_of(flags)) {
      if (!has.contains(flag)) return levels;
    }
    levels.emplace_back(level);
  }
  return levels;
}

/// Says which level is active if SEQPE_ISA is `forced`, or unset where it is null. The choice is
/// made once a process.
[[noreturn]] void report_active_isa(const char* forced) {
  forced != nullptr ? setenv("SEQPE_ISA", forced, 1) : unsetenv("SEQPE_ISA");
  try {
    std::fprintf(stderr, "active: %s\n", name_of(active_isa()));
  } catch (const DeviceError& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  std::exit(0);
}

class IsaDeathTest : public testing::Test {
 protected:
  IsaDeathTest() { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }

  const std::set<std::string> built_ = words_of(SEQPE_CPU_ISAS);
  const std::vector<std::string> runs_ = levels_of_processor();
};

TEST_F(IsaDeathTest, SeqpeIsaForcesALevelThatIsBuiltAndRuns) {
  ASSERT_FALSE(runs_.empty()) << "/proc/cpuinfo names no flags";
  for (const char* level : {"v2", "v3", "v4", "avx2"}) {
    const bool there =
        built_.contains(level) && std::find(runs_.begin(), runs_.end(), level) != runs_.end();
    const std::string refused =
        std::string(
            "\\[cpu\\] SEQPE_ISA must be a level that this build holds \\([v2-4, ]*\\) and "
            "this processor runs, got '") +
        level + "'\\.";
    EXPECT_EXIT(report_active_isa(level), testing::ExitedWithCode(0),
                there ? "^active: " + std::string(level) + "\n$" : refused)
        << "'" << level << "'";
  }
}

TEST_F(IsaDeathTest, TheHighestLevelIsTheDefault) {
  std::string highest;
  for (const std::string& level : runs_) {
    if (built_.contains(level)) highest = level;
  }
  // An empty variable is how a shell unsets one for a command.
  for (const char* unset : {static_cast<const char*>(nullptr), ""}) {
    EXPECT_EXIT(report_active_isa(unset), testing::ExitedWithCode(0),
                "^active: " + highest + "\n$");
  }
}

}  // namespace
}  // namespace seqpe::kernels
