// The training loop with a task of one tensor: when it evaluates, saves, stops, goes on, refuses.
#include "engine/train/loop.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/autograd/backward.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/ops/elementwise.h"
#include "engine/optim/parameter_buffers.h"
#include "engine/train/checkpoint.h"
#include "engine/train/signals.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_directory.h"

namespace seqpe::train {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

/// Minimises sum(w * w), one group "model" and one group "encoder". Its evaluation gives the
/// losses of `nll` in turn.
class ToyTask final : public Task {
 public:
  ToyTask() {
    for (Tensor* weight : {&model_, &encoder_}) {
      *weight = Tensor::from({3}, std::vector<float>{1.0F, -2.0F, 3.0F});
      weight->set_requires_grad();
    }
  }
  const char* unit() const override { return "tokens"; }
  std::vector<nn::Parameter> parameters() const override {
    return {{"w", model_, "model", true}, {"e", encoder_, "encoder", false}};
  }
  StepInputs draw(std::int64_t step) override {
    StepInputs inputs;
    inputs.add("step", Tensor::from<std::int64_t>({1}, {step}));
    return inputs;
  }
  StepTerms forward_backward(const StepInputs& inputs, MicroBatches&) override {
    const std::int64_t step = *inputs.at("step").data_as<std::int64_t>();
    steps.push_back(step);
    const Tensor out = ops::add(ops::multiply(model_, model_), ops::multiply(encoder_, encoder_));
    autograd::backward(out, Tensor::full(out.shape(), 1.0));
    double loss = 0;
    for (const float value : out.span<float>()) loss += value;
    if (step == diverge_at) loss = std::numeric_limits<double>::infinity();
    if (step == signal_at) std::raise(SIGTERM);
    const Tensor number = Tensor::full({1}, loss, DType::f64);
    return {number, {{"task", number}, {"extra", {}}}, 10};
  }
  Evaluation evaluate(const OnEvaluated& on_evaluated) override {
    ++evaluations;
    if (failing_evaluation == evaluations) throw DeviceError("no memory");
    if (signal_in_evaluation == evaluations) std::raise(SIGINT);
    on_evaluated(1, 1);
    const double value =
        nll.empty() ? 1.0 : nll[(steps.empty() ? 0 : steps.size() - 1) % nll.size()];
    return {{{{"length", std::int64_t{8}}, {"nll", value}}}, value};
  }
  void save(const fs::path& directory) const override {
    io::write_safetensors(directory / "model.safetensors", {{"w", model_}, {"e", encoder_}});
    if (signal_in_save) std::raise(SIGTERM);
  }
  void load(const fs::path& directory) override {
    const auto file = io::SafetensorsFile::open(directory / "model.safetensors");
    model_.copy_from(file.tensor("w"));
    encoder_.copy_from(file.tensor("e"));
  }

  std::int64_t diverge_at = -1, signal_at = -1, signal_in_evaluation = -1, failing_evaluation = -1;
  bool signal_in_save = false;
  std::vector<double> nll;
  std::vector<std::int64_t> steps;
  std::int64_t evaluations = 0;

 private:
  Tensor model_, encoder_;
};

TrainConfig ten_steps() {
  TrainConfig config;
  config.steps = 10;
  config.groups = {{"model", {.learning_rate = 0.1}}, {"encoder", {}}};
  return config;
}

struct ToyRun {
  explicit ToyRun(const fs::path& where) : folder(where) { options.run = where; }

  Outcome train(ToyTask& task) {
    Log log(Verbosity::quiet);
    options.log = &log;
    return run_training(task, options);
  }
  /// Of each line of metrics.jsonl: "3" for a step, "3e" for its evaluation.
  std::string lines() const {
    std::istringstream text(io::read_text(folder / "metrics.jsonl"));
    std::string out;
    for (std::string line; std::getline(text, line);) {
      const auto json = nlohmann::json::parse(line);
      out += fmt::format("{}{} ", json.at("step").get<int>(), json.contains("eval") ? "e" : "");
    }
    return out;
  }
  std::string link(const char* name) const { return linked_checkpoint(folder, name)->filename(); }

  fs::path folder;
  LoopOptions options{.train = ten_steps()};
};

TEST(Loop, EvaluatesAndSavesWhenItIsDue) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.eval_every = 4;
  run.options.checkpoint = {.every = 5, .keep_last = 9};
  ToyTask task;
  task.nll = {9, 9, 9, 1, 9, 9, 9, 2, 9, 3};  // best at step 4
  EXPECT_EQ(run.train(task), Outcome::finished);
  EXPECT_EQ(run.lines(), "1 2 3 4 4e 5 6 7 8 8e 9 10 10e ");
  std::vector<std::string> saved;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
    if (!entry.is_symlink()) saved.push_back(entry.path().filename());
  }
  std::sort(saved.begin(), saved.end());
  EXPECT_EQ(saved, (std::vector<std::string>{"step_00000004", "step_00000005", "step_00000010"}));
  EXPECT_EQ(run.link("best"), "step_00000004");
  EXPECT_EQ(run.link("latest"), "step_00000010");
}

TEST(Loop, AnEvaluationThatIsNotFiniteIsNeverTheBest) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.eval_every = 2;
  run.options.checkpoint = {.keep_last = 9};
  ToyTask task;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  task.nll = {9, kNan, 9, 5, 9, kNan, 9, 6, 9, 7};  // best at step 4
  EXPECT_EQ(run.train(task), Outcome::finished);
  EXPECT_EQ(run.link("best"), "step_00000004");
}

TEST(Loop, AnEvaluationThatFailsLosesNoStep) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  ToyTask task;
  task.failing_evaluation = 1;
  EXPECT_EQ(test::error_of<DeviceError>([&] { run.train(task); }), "no memory");
  EXPECT_EQ(run.link("latest"), "step_00000010");
  run.options.resume = newest_checkpoint(folder.path());
  ToyTask again;
  EXPECT_EQ(run.train(again), Outcome::finished);
  EXPECT_TRUE(again.steps.empty());
  EXPECT_EQ(again.evaluations, 1) << "it is still due";
}

TEST(Loop, BestIsNeverAStepThatTheRunLeftBehind) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.eval_every = 2;
  run.options.checkpoint = {.every = 2, .keep_last = 9};
  ToyTask task;
  task.nll = {9, 5, 9, 4, 9, 6, 9, 1, 9, 7};  // best at step 8
  run.train(task);
  EXPECT_EQ(run.link("best"), "step_00000008");
  run.options.resume = folder / "checkpoints/step_00000004";
  run.options.train.steps = 6;
  ToyTask again;
  again.nll = {9, 8};
  run.train(again);
  EXPECT_EQ(run.link("best"), "step_00000004");
}

TEST(Loop, BestIsGoneWhereTheStepGoneOnFromHasNone) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.checkpoint = {.every = 5, .keep_last = 9};
  ToyTask task;
  run.train(task);
  EXPECT_EQ(run.link("best"), "step_00000010");
  run.options.resume = folder / "checkpoints/step_00000005";
  run.options.train.steps = 9;
  ToyTask again;
  again.nll = {std::numeric_limits<double>::quiet_NaN()};
  run.train(again);
  EXPECT_EQ(linked_checkpoint(folder.path(), "best"), std::nullopt);
}

TEST(Loop, ABestThatIsNotThereAnyMoreIsNotCompared) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.eval_every = 2;
  run.options.checkpoint = {.every = 2, .keep_last = 9};
  ToyTask task;
  task.nll = {9, 1, 9, 5, 9, 6, 9, 7, 9, 8};  // best at step 2
  run.train(task);
  EXPECT_EQ(run.link("best"), "step_00000002");
  fs::remove_all(folder / "checkpoints/step_00000002");
  run.options.resume = folder / "checkpoints/step_00000004";
  run.options.train.steps = 6;
  ToyTask again;
  again.nll = {9, 6};
  run.train(again);
  EXPECT_EQ(run.link("best"), "step_00000006");
}

TEST(Loop, GoingOnFromAnOlderStepPointsLatestThereBeforeItCutsTheMetrics) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.checkpoint = {.every = 2, .keep_last = 9};
  ToyTask task;
  run.train(task);
  run.options.resume = folder / "checkpoints/step_00000004";
  ToyTask again;
  again.diverge_at = 4;  // nothing is saved any more
  test::error_of<DivergedError>([&] { run.train(again); });
  EXPECT_EQ(run.lines(), "1 2 3 4 ");
  EXPECT_EQ(newest_checkpoint(folder.path())->filename(), "step_00000004");
}

TEST(Loop, MomentsOfAnotherShapeAreACheckpointError) {
  const TemporaryDirectory folder;
  const fs::path checkpoint =
      write_checkpoint(folder.path(), 1, false, [&](const fs::path& directory) {
        ToyTask().save(directory);
        io::write_safetensors(directory / "optimizer.rank_000_of_001.safetensors",
                              {{"m.w", Tensor::zeros({4}, DType::f32)}});
      });
  ToyRun run(folder.path());
  run.options.resume = checkpoint;
  ToyTask task;
  test::expect_error_with<CheckpointError>([&] { run.train(task); },
                                           "'m.w' must have shape [3], has [4]");
}

TEST(Loop, WritesTheLineThatIsPromised) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.steps = 1;
  ToyTask task;
  run.train(task);
  const std::string text = io::read_text(folder / "metrics.jsonl");
  const auto line = nlohmann::ordered_json::parse(text.substr(0, text.find('\n')));
  std::vector<std::string> keys;
  for (const auto& [key, value] : line.items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"step", "loss", "task_loss", "extra_loss", "grad_norm",
                                      "encoder_grad_norm", "learning_rate", "tokens", "seconds"}));
  EXPECT_EQ(line["loss"], 28.0);  // 2 * (1 + 4 + 9)
  EXPECT_TRUE(line["extra_loss"].is_null());
  EXPECT_NEAR(line["grad_norm"], std::sqrt(56.0), 1e-5);  // of 2 w
  EXPECT_EQ(line["tokens"], 10);
}

/// Trains until a signal, goes on, and compares with the run without one.
struct StopCase {
  const char* name;
  std::function<void(ToyTask&)> arm;
  std::int64_t saved_step;
  std::size_t steps_left;
};

// As its name: its bytes hold addresses.
void PrintTo(const StopCase& stop, std::ostream* out) {
  *out << stop.name;
}

class LoopStop : public testing::TestWithParam<StopCase> {};

TEST_P(LoopStop, LosesNothing) {
  const auto& [name, arm, saved_step, steps_left] = GetParam();
  const TemporaryDirectory folder, calm_folder;
  ToyRun run(folder.path()), calm(calm_folder.path());
  for (ToyRun* one : {&run, &calm}) {
    one->options.train.eval_every = 4;
    one->options.checkpoint = {.every = 3, .keep_last = 9};
  }
  ToyTask undisturbed;
  EXPECT_EQ(calm.train(undisturbed), Outcome::finished);
  {
    const SignalGuard signals;
    ToyTask task;
    arm(task);
    EXPECT_EQ(run.train(task), Outcome::interrupted);
  }
  EXPECT_EQ(run.link("latest"), fmt::format("step_{:08d}", saved_step));
  run.options.resume = newest_checkpoint(folder.path());
  ToyTask again;
  EXPECT_EQ(run.train(again), Outcome::finished);
  EXPECT_EQ(again.steps.size(), steps_left);
  EXPECT_EQ(run.lines(), calm.lines());
  EXPECT_EQ(run.link("best"), calm.link("best"));
  for (const char* file : {"model.safetensors", "optimizer.rank_000_of_001.safetensors"}) {
    const fs::path last = fs::path("checkpoints/step_00000010") / file;
    EXPECT_EQ(io::read_text(run.folder / last), io::read_text(calm.folder / last)) << file;
  }
}

const StopCase kStops[] = {
    {"step", [](ToyTask& task) { task.signal_at = 4; }, 5, 5},
    {"step_with_evaluation_due", [](ToyTask& task) { task.signal_at = 3; }, 4, 6},
    {"last_step", [](ToyTask& task) { task.signal_at = 9; }, 10, 0},
    {"evaluation", [](ToyTask& task) { task.signal_in_evaluation = 2; }, 8, 2},
    {"last_evaluation", [](ToyTask& task) { task.signal_in_evaluation = 3; }, 10, 0},
    {"saving", [](ToyTask& task) { task.signal_in_save = true; }, 3, 7}};

std::string name_of_stop(const testing::TestParamInfo<StopCase>& stop) {
  return stop.param.name;
}

INSTANTIATE_TEST_SUITE_P(Instants, LoopStop, testing::ValuesIn(kStops), name_of_stop);

TEST(Loop, AStopBeforeTheFirstStepSavesTheStart) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  const SignalGuard signals;
  std::raise(SIGINT);
  ToyTask task;
  EXPECT_EQ(run.train(task), Outcome::interrupted);
  EXPECT_TRUE(task.steps.empty());
  EXPECT_EQ(run.link("latest"), "step_00000000");
}

TEST(Loop, DivergenceUpdatesAndWritesNothing) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.checkpoint = {.every = 2};
  ToyTask task;
  task.diverge_at = 5;
  const std::string message = test::error_of<DivergedError>([&] { run.train(task); });
  EXPECT_NE(message.find("step 6 is not finite (loss inf)"), std::string::npos) << message;
  EXPECT_NE(message.find("step_00000004"), std::string::npos) << message;
  EXPECT_EQ(run.lines(), "1 2 3 4 5 ");
  verify_checkpoint(*newest_checkpoint(folder.path()));
}

TEST(Loop, OnStartComesAfterTheCheckpointIsAccepted) {
  const TemporaryDirectory folder;
  ToyRun run(folder.path());
  run.options.train.steps = 2;
  ToyTask task;
  run.train(task);
  run.options.resume = newest_checkpoint(folder.path());
  run.options.train.seed = 7;
  bool started = false;
  run.options.on_start = [&] { started = true; };
  ToyTask again;
  test::expect_error_with<CheckpointError>([&] { run.train(again); },
                                           "train.seed 1, asked to go on with 7");
  EXPECT_FALSE(started);
  run.options.train.seed = TrainConfig().seed;
  run.options.train.steps = 3;
  EXPECT_EQ(run.train(again), Outcome::finished);
  EXPECT_TRUE(started);
}

TEST(Loop, AStateFileOfAnotherKindIsACheckpointError) {
  const TemporaryDirectory folder;
  for (const char* state : {"{}", "[]", "not JSON", R"({"seed": "one"})"}) {
    const fs::path checkpoint =
        write_checkpoint(folder.path(), 1, false, [&](const fs::path& directory) {
          const ToyTask task;
          task.save(directory);
          std::vector<std::pair<std::string, Tensor>> moments;
          for (const auto& group : optim::make_groups(task.parameters())) {
            for (auto& moment : group.by_name(group.m(), group.v()))
              moments.push_back(std::move(moment));
          }
          io::write_safetensors(directory / "optimizer.rank_000_of_001.safetensors", moments);
          io::write_file_atomic(directory / "trainer_state.json", state);
        });
    ToyRun run(folder.path());
    run.options.resume = checkpoint;
    ToyTask task;
    test::expect_error_with<CheckpointError>([&] { run.train(task); }, "trainer_state.json");
  }
}

}  // namespace
}  // namespace seqpe::train
