// The learning rates of the reference's image recipe, which timm's schedule gives.
#include "engine/optim/schedule.h"

#include "engine/io/file.h"
#include "tests/golden_tests/golden_support.h"

namespace seqpe {
namespace {

TEST(GoldenSchedule, RatesOfTheImageRecipe) {
  const auto file =
      nlohmann::json::parse(io::read_text(test::goldens_dir("image") / "lr_schedule.json"));
  const optim::Schedule schedule{.kind = optim::ScheduleKind::cosine,
                                 .learning_rate = file.at("base_lr"),
                                 .min_learning_rate = file.at("min_lr"),
                                 .warmup_from = file.at("warmup_lr"),
                                 .warmup_steps = file.at("warmup_steps"),
                                 .steps = file.at("steps"),
                                 .delay = 1,
                                 .falls_during_warmup = true};
  const auto& rates = file.at("step_to_lr");
  EXPECT_GT(rates.size(), 15U);
  for (const auto& [step, rate] : rates.items()) {
    const double expected = rate;
    EXPECT_NEAR(schedule.at(std::stoll(step)), expected, 1e-12 * expected) << "step " << step;
  }
}

}  // namespace
}  // namespace seqpe
