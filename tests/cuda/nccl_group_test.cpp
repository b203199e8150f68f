// The group for tensors on a device: what it asks of NCCL, when, and what it makes of errors.
#include "engine/dist/nccl_group.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "engine/train/updater.h"
#include "models/tasks/lm_task.h"
#include "tests/support/expect_error.h"
#include "tests/support/one_rank.h"
#include "tests/support/tensor_compare.h"
#include "tests/support/tiny_language_model.h"

namespace seqpe::dist {
namespace {

/// Tells what it is asked for; from the other rank come zeros.
class Recorder final : public NcclCalls {
 public:
  explicit Recorder(std::function<void(const std::string&)> on_call)
      : on_call_(std::move(on_call)) {}
  std::string unique_id() override { return "id"; }
  void connect(const std::string& id, int rank, int size) override {
    EXPECT_EQ(id, "id");
    EXPECT_EQ(rank, 0);
    EXPECT_EQ(size, 2);
  }
  void all_reduce(void*, std::int64_t count, DType dtype, void*) override {
    told("all_reduce", count, dtype);
  }
  void reduce_scatter(void*, std::int64_t count, DType dtype, void*) override {
    told("reduce_scatter", count, dtype);
  }
  void all_gather(void* x, std::int64_t count, DType dtype, void*) override {
    const std::size_t piece = static_cast<std::size_t>(count) * size_of(dtype);
    kernels::clear_bytes(kernels::device_context(), static_cast<std::byte*>(x) + piece, piece);
    told("all_gather", count, dtype);
  }
  void all_to_all(const void*, void* receive, std::int64_t count, DType dtype, void*) override {
    kernels::clear_bytes(kernels::device_context(), receive,
                         2 * static_cast<std::size_t>(count) * size_of(dtype));
    told("all_to_all", count, dtype);
  }
  std::string error() override { return ""; }
  void abort() override { told("abort", 0, DType::f32); }

 private:
  void told(const char* call, std::int64_t count, DType dtype) const {
    on_call_(fmt::format("{} {} {}", call, count, name_of(dtype)));
  }
  std::function<void(const std::string&)> on_call_;
};

std::vector<std::string> calls_of(bool deterministic,
                                  const std::function<void(ProcessGroup&)>& work) {
  std::vector<std::string> calls;
  NcclGroup group(
      std::make_unique<Recorder>([&](const std::string& call) { calls.push_back(call); }),
      std::make_unique<test::Hosts>(2), deterministic, 30);
  work(group);
  return calls;
}

using Calls = std::vector<std::string>;

/// Five seconds at most.
void wait_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 100 && !holds(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

TEST(NcclGroup, AsksForWhatItIsAskedFor) {
  const Tensor x = Tensor::zeros({6}, DType::f32, Device::cuda);
  EXPECT_EQ(calls_of(false,
                     [&](ProcessGroup& group) {
                       group.all_reduce(x)->wait();
                       group.all_reduce(x, Wire::bf16)->wait();
                       group.reduce_scatter(x)->wait();
                       group.reduce_scatter(x, Wire::bf16)->wait();
                       group.all_gather(x)->wait();
                     }),
            (Calls{"all_reduce 6 f32", "all_reduce 6 bf16", "reduce_scatter 3 f32",
                   "reduce_scatter 3 bf16", "all_gather 3 f32"}));
}

TEST(NcclGroup, ADeterministicSumIsAnAllToAllAndOurOwn) {
  const Tensor odd = Tensor::zeros({5}, DType::f32, Device::cuda);
  EXPECT_EQ(calls_of(true, [&](ProcessGroup& group) { group.all_reduce(odd)->wait(); }),
            (Calls{"all_to_all 3 f32", "all_gather 3 f32"}));
  EXPECT_EQ(calls_of(true, [&](ProcessGroup& group) { group.all_reduce(odd, Wire::bf16)->wait(); }),
            (Calls{"all_to_all 3 bf16", "all_gather 3 bf16"}));
}

TEST(NcclGroup, ATensorOfTheHostIsRefused) {
  calls_of(false, [](ProcessGroup& group) {
    test::expect_error([&] { group.all_reduce(Tensor::zeros({2}))->wait(); },
                       "[dist] NCCL carries tensors on cuda, got one on cpu.");
  });
}

TEST(NcclGroup, ADeviceThatWaitsTooLongIsLetGo) {
  std::atomic<bool> aborted = false, told = false, abort_ended = false;
  NcclGroup group(std::make_unique<Recorder>([&](const std::string& call) {
                    if (call == "abort 0 f32") {
                      aborted = true;
                      wait_until([&] { return told.load(); });  // as recordings would make it
                      abort_ended = true;
                    } else {
                      wait_until([&] { return aborted.load(); });  // as a lost rank would make it
                    }
                  }),
                  std::make_unique<test::Hosts>(2), false, 1);
  EXPECT_NO_THROW(group.require_health());
  const Tensor x = Tensor::zeros({6}, DType::f32, Device::cuda);
  group.all_reduce(x, Wire::fp32)->wait();
  EXPECT_TRUE(aborted);
  test::expect_error_with<CommunicationError>(
      [&] { group.require_health(); },
      "[dist] a collective on the device did not end within 1 s (dist.timeout)");
  EXPECT_FALSE(abort_ended) << "nobody waits for it";
  told = true;
}

// The host tells a step to the device in the order of backward: when the first bucket is queued,
// most gradients were not even begun.
TEST(NcclGroup, BucketsAreQueuedWhileBackwardIsTold) {
  const auto model = test::tiny_language_model(
      {"model.layers=4", "model.position=learned", "dist.bucket_mb=0.001"}, DType::f32);
  model.move_to(Device::cuda);
  std::vector<std::size_t> written;
  const std::vector<nn::Parameter> parameters = model.parameters();
  NcclGroup ranks(std::make_unique<Recorder>([&](const std::string&) {
                    std::size_t count = 0;
                    for (const nn::Parameter& parameter : parameters)
                      count += parameter.value.grad().defined() ? 1 : 0;
                    written.push_back(count);
                  }),
                  std::make_unique<test::Hosts>(2), false, 30);
  models::LmTask task(model, ranks);
  train::Updater updater(task, model.config().train, ranks, model.config().dist);
  updater.start(0).wait();
  ASSERT_GT(written.size(), 8u);
  EXPECT_LT(written.front(), parameters.size() / 4);
  EXPECT_TRUE(std::is_sorted(written.begin(), written.end()));
  EXPECT_LT(written[written.size() / 2], parameters.size());
  EXPECT_EQ(written.back(), parameters.size()) << "the losses travel last";
}

/// What one process of the emulated device makes of a tensor.
class EmulatedNcclTest : public testing::Test {
 protected:
  ~EmulatedNcclTest() override { ::unsetenv("SEQPE_EMULATED_NCCL"); }
};

TEST_F(EmulatedNcclTest, OneRankKeepsItsNumbersAndRoundsThoseThatTravelAsBf16) {
  for (const bool deterministic : {false, true}) {
    SCOPED_TRACE(deterministic);
    const auto group = test::one_nccl_rank(deterministic);
    const float value = 1.001F;
    const auto after = [&](Wire wire) {
      const Tensor x = Tensor::full({5}, value, DType::f32, Device::cuda);
      group->all_reduce(x, wire)->wait();
      return test::elements<float>(x.to(Device::cpu));
    };
    EXPECT_EQ(after(Wire::fp32), std::vector<float>(5, value));
    EXPECT_EQ(after(Wire::bf16), std::vector<float>(5, static_cast<float>(bf16(value))));
  }
}

TEST_F(EmulatedNcclTest, AnErrorOfTheLibraryEndsTheGroup) {
  ::setenv("SEQPE_EMULATED_NCCL", "error=2", 1);
  const auto group = test::one_nccl_rank();
  const Tensor x = Tensor::zeros({4}, DType::f32, Device::cuda);
  group->all_reduce(x)->wait();
  EXPECT_NO_THROW(group->gather(""));
  group->all_reduce(x)->wait();
  std::string told;
  wait_until([&] {
    try {
      group->gather("");
    } catch (const CommunicationError& error) {
      told = error.what();
    }
    return !told.empty();
  });
  EXPECT_EQ(told,
            "[nccl] an error, as asked for. Hint: another rank's own messages; "
            "NCCL_DEBUG=INFO.");
  EXPECT_THROW(group->all_reduce(x)->wait(), CommunicationError);
}

}  // namespace
}  // namespace seqpe::dist
