#include "tools/seqpe_engine/timeline.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/io/file.h"
#include "kernels/common/profile.h"
#include "tests/support/hosts.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::tools {
namespace {

using kernels::Span;
using kernels::Track;

TEST(Timeline, CommunicationBesideComputationCountsOnce) {
  const std::vector<Span> spans = {
      {"attention", Track::compute, 0, 4},
      {"matmul", Track::compute, 1, 3},  // within it
      {"add", Track::compute, 5, 6},
      {"wait_for_ranks", Track::compute, 6, 20},
      {"all_reduce", Track::communication, 2, 5.5},
      {"all_gather", Track::communication, 7, 9},
  };
  const Communication found = communication_of(spans);
  EXPECT_DOUBLE_EQ(found.all, 3.5 + 2);
  EXPECT_DOUBLE_EQ(found.beside_compute, 2 + 0.5);
  EXPECT_EQ(communication_of({}).all, 0);
}

TEST(Timeline, TheFileHoldsEveryRanksSpans) {
  const test::TemporaryDirectory directory;
  test::Hosts two(2);  // which say the same
  const auto file = directory / "timeline.json";
  const Communication found = write_timeline(file, Device::cpu, two, [] {
    const kernels::KernelTimer timer("matmul");
    const kernels::CommunicationSpan span("all_reduce");
  });
  EXPECT_GT(found.all, 0);
  EXPECT_DOUBLE_EQ(found.beside_compute, found.all);
  const auto trace = nlohmann::json::parse(io::read_text(file));
  std::map<std::string, int> names;
  for (const auto& event : trace.at("traceEvents")) {
    const bool is_span = event.at("ph") == "X";
    EXPECT_TRUE(is_span || event.at("ph") == "M");
    if (!is_span) {
      ++names[event.at("args").at("name")];
      continue;
    }
    ++names[event.at("name")];
    EXPECT_EQ(event.at("tid"), event.at("name") == "matmul" ? 0 : 1);
    EXPECT_GE(event.at("ts").get<double>(), 0);
    EXPECT_GT(event.at("dur").get<double>(), 0);
  }
  EXPECT_EQ(
      names,
      (std::map<std::string, int>{
          {"matmul", 2}, {"all_reduce", 2}, {"rank 0", 2}, {"compute", 2}, {"communication", 2}}));
}

}  // namespace
}  // namespace seqpe::tools
