// Module: a tree of layers with named parameters. Names are those of published checkpoints, dots
// between levels.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/nn/init.h"
#include "engine/nn/parameter.h"

namespace seqpe::nn {

/// What a forward pass knows about its place in training. Dropout is keyed by (seed, module's name,
/// step, element), element counted from the first row of the global batch, so micro-batches draw
/// the masks of the whole batch.
struct Pass {
  bool training = false;  // dropout happens
  std::uint64_t seed = 0;
  std::uint32_t step = 0;
  /// Where the step is read from instead, on the device of the pass; null: it is `step`.
  const std::int32_t* step_at = nullptr;
  std::int64_t first_row =
      0;  // index of this call's first sequence (or position) in the step's global list
  /// Where a call computes only some tokens of each sequence: those from first_token of `tokens`.
  /// 0: x holds all of them.
  std::int64_t first_token = 0, tokens = 0;

  /// The same for one token of `count`: dropout draws for it what it draws in the whole sequence.
  Pass of_token(std::int64_t token, std::int64_t count) const {
    Pass pass = *this;
    pass.first_token = token;
    pass.tokens = count;
    return pass;
  }
};

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// All parameters below this module, in order of registration, with full names.
  std::vector<Parameter> parameters() const;
  /// The parameter of that name; throws if there is none.
  Tensor parameter(const std::string& name) const;
  std::int64_t parameter_count() const;

  /// Fills every parameter by its initialiser; the numbers depend on the seed and the full name.
  virtual void initialize(std::uint64_t seed) const;

  /// Moves every parameter and constant to a device; handles of them follow.
  void move_to(Device device) const;

  /// Gives this module its full name ("" for a root) and renames everything below. Call on the root
  /// when it is built.
  void set_name(const std::string& name);
  const std::string& name() const { return name_; }

 protected:
  /// Without values until initialize or a checkpoint gives it some. `rounded`: as
  /// Parameter::rounded.
  Tensor add_parameter(const std::string& name, Shape shape, DType dtype, Init init,
                       bool rounded = true);
  /// A tensor that is no parameter but follows the module to its device; the handle that is given
  /// back does so too.
  Tensor add_constant(const Tensor& value);
  /// The child must live as long as this module: it is a member.
  void add_child(const std::string& name, Module& child);
  /// Called by set_name, for what derives from the name (random streams).
  virtual void on_renamed() {}

 private:
  struct Entry {
    std::string name;
    Tensor value;
    Init init;
    bool rounded;
  };
  struct Child {
    std::string name;
    Module* module;
  };
  void collect(const std::string& prefix, std::vector<Parameter>& out) const;

  std::string name_;
  std::vector<Entry> entries_;
  std::vector<Tensor> constants_;
  std::vector<Child> children_;
};

/// "prefix.name", or "name" where the prefix is empty.
std::string join_names(const std::string& prefix, const std::string& name);

}  // namespace seqpe::nn
