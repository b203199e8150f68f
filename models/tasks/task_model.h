// What every task trains: a Transformer with a position encoding, built from a configuration.
#pragma once

#include <memory>
#include <vector>

#include "models/config/config.h"
#include "models/positions/position_encoding.h"
#include "models/seqpe/seqpe_position.h"

namespace seqpe::models {

class TaskModel {
 public:
  virtual ~TaskModel() = default;
  TaskModel(TaskModel&&) = default;

  const Config& config() const { return config_; }
  /// The Transformer, without the position encoder.
  virtual const nn::Module& body() const = 0;
  virtual const PositionEncoding& position() const = 0;
  /// Null unless model.position is seqpe.
  const SeqpePosition* seqpe() const { return seqpe_; }

  /// The Transformer's parameters in group "model", the encoder's in group "encoder", with their
  /// weight-decay rule.
  std::vector<nn::Parameter> parameters() const;
  /// Starts from scratch; on the CPU.
  void initialize(std::uint64_t seed) const;
  void move_to(Device device) const;
  /// Where the parameters are.
  Device device() const;
  /// Makes it compute as train.precision says, for evaluation alone: parameters that it rounds are
  /// not to be had unrounded again. In training the updater keeps both.
  void compute_as_trained() const;

 protected:
  explicit TaskModel(const Config& config);
  /// The encoding that the configuration names, for the Transformer to own.
  std::unique_ptr<PositionEncoding> make_position(DType dtype);
  /// True where weight decay applies.
  virtual bool decays(const nn::Parameter& parameter) const = 0;
  virtual bool encoder_decays(const nn::Parameter& parameter) const = 0;

 private:
  Config config_;
  SeqpePosition* seqpe_ = nullptr;
};

}  // namespace seqpe::models
