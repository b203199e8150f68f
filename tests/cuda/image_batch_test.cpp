#include "kernels/image_batch.h"

#include "tests/cuda/device_array.h"
#include "tests/support/image_batch_cases.h"

namespace seqpe::kernels {
namespace {

std::vector<test::ImageBatchCase> cases() {
  std::vector<test::ImageBatchCase> all(std::begin(test::kImageBatchCases),
                                        std::end(test::kImageBatchCases));
  all.push_back({2, 2, 2052});  // more than a tile's columns
  all.push_back({3, 1, 2501});
  return all;
}

// But for the noise, whose logarithm and polynomials a GPU rounds otherwise, bit for bit.
TEST(ImageBatchCuda, ThoseOfTheCpu) {
  constexpr double largest_noise = 6.8;
  for (const test::ImageBatchCase& c : cases()) {
    for (const data::Mix& mix : test::image_mixes(c.height, c.width)) {
      SCOPED_TRACE(testing::Message() << c.batch << " of " << c.height << " x " << c.width
                                      << ", lambda " << mix.lambda);
      const auto cpu = test::run_image_batch<test::HostArray>(test::kCpu, c, mix, false),
                 erased = test::run_image_batch<test::HostArray>(test::kCpu, c, mix, true);
      test::under_every_schedule([&] {
        const auto run = [&](bool erase) {
          return test::run_image_batch<test::DeviceArray>(test::on_cuda(), c, mix, erase);
        };
        EXPECT_TRUE(test::bits_of(run(false)) == test::bits_of(cpu));
        test::expect_close(run(true), test::to_double(erased),
                           8 * test::kUnitRoundoff<float> * largest_noise, "erased");
      });
    }
  }
}

}  // namespace
}  // namespace seqpe::kernels
