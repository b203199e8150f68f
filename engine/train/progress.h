// How far training and evaluation are: a bar on a terminal, now and then a line elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "engine/dist/process_group.h"
#include "engine/train/log.h"
#include "engine/train/updater.h"

namespace seqpe::train {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Of training: step, losses, gradient norms, learning rate, tokens or images a second, time left.
/// A line every `every` steps.
class TrainingProgress {
 public:
  /// `unit`: Objective::unit.
  TrainingProgress(Log& log, std::int64_t first_step, std::int64_t steps, std::int64_t every,
                   std::string unit)
      : log_(log), first_step_(first_step), steps_(steps), every_(every), unit_(std::move(unit)) {}
  void step(std::int64_t step, const Update& update);
  double seconds() const { return watch_.seconds(); }

 private:
  Log& log_;
  std::int64_t first_step_, steps_, every_, samples_ = 0;
  std::string unit_;
  Stopwatch watch_;
};

/// Of one evaluation of `what` ("length 512"), called with what is done. A line every ten seconds.
/// Throws StoppedError when a stop is requested of any of the ranks, which all call it alike.
class EvaluationProgress {
 public:
  EvaluationProgress(Log& log, std::string what,
                     dist::ProcessGroup& ranks = dist::single_process());
  void operator()(std::int64_t done, std::int64_t total);

 private:
  Log& log_;
  std::string what_;
  dist::ProcessGroup& ranks_;
  Stopwatch watch_;
  double next_line_;
};

}  // namespace seqpe::train
