#include "engine/train/progress.h"

#include <fmt/format.h>

#include "engine/train/metrics.h"
#include "engine/train/signals.h"

namespace seqpe::train {
namespace {

constexpr double kLineSeconds = 10.0;

}  // namespace

void TrainingProgress::step(std::int64_t step, const Update& update) {
  samples_ += update.samples;
  const bool has_line = step % every_ == 0 || step == steps_;
  if (!has_line && !log_.draws()) return;
  const double elapsed = seconds();
  const double left =
      elapsed / static_cast<double>(step - first_step_) * static_cast<double>(steps_ - step);
  // A narrow terminal shows the beginning of it.
  std::string line = fmt::format(
      "step {}/{} loss {:.4f} ETA {} {:.0f} {}/s", step, steps_, update.loss, duration(left),
      static_cast<double>(samples_) / elapsed, unit_ == "tokens" ? "tok" : "img");
  for (const auto& [name, value] : update.terms) {
    if (value) line += fmt::format(" {} {:.4f}", name, *value);
  }
  for (const auto& [group, norm] : update.norms)
    line += fmt::format(" {} {:.2f}", norm_name(group), norm);
  line += fmt::format(" lr {:.2e}", update.learning_rate);
  if (has_line && log_.draws() && step != steps_) {
    log_.record(line);  // the bar shows it
  } else if (has_line) {
    log_.say(line);
  }
  if (step != steps_) log_.draw(step, steps_, line);
}

EvaluationProgress::EvaluationProgress(Log& log, std::string what, dist::ProcessGroup& ranks)
    : log_(log), what_(std::move(what)), ranks_(ranks), next_line_(kLineSeconds) {}

void EvaluationProgress::operator()(std::int64_t done, std::int64_t total) {
  stop_if_any_requested(ranks_);
  const double elapsed = watch_.seconds();
  const double left = elapsed / static_cast<double>(done) * static_cast<double>(total - done);
  const std::string line =
      fmt::format("evaluating {}: {}/{} blocks ETA {} {:.1f} blocks/s", what_, done, total,
                  duration(left), static_cast<double>(done) / elapsed);
  log_.draw(done, total, line);
  if (log_.draws() || elapsed < next_line_) return;
  log_.say(line);
  next_line_ = elapsed + kLineSeconds;
}

}  // namespace seqpe::train
