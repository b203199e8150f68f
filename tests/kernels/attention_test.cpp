#include "kernels/attention.h"

#include <string_view>

#include "tests/support/attention_cases.h"

namespace seqpe::kernels {
namespace {

using reference::AttentionInputs;
using reference::Heads;
using test::Doubles;

using Case = test::AttentionCase;
using test::Placement;
using test::random_operand;

/// One attention: operands, outputs, and what they must be.
template <typename T>
class Problem {
 public:
  using A = Acc<T>;
  static constexpr int kInputs = 5;  // q, k, v, pe_q, pe_k

  Problem(const Case& c, Write write)
      : shape_(test::shape_of(c)),
        write_(write),
        inputs_{Placement(c.layout, c.batch, c.q_len, c.heads, c.head_size),
                Placement(c.layout, c.batch, c.kv_len, c.heads, c.head_size),
                Placement(c.layout, c.batch, c.kv_len, c.heads, c.value_size),
                Placement(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe),
                Placement(c.layout, c.pe_blocks, c.kv_len, c.heads, c.pe_size, c.shared_pe)},
        out_place_(c.layout, c.batch, c.q_len, c.heads, c.value_size),
        lse_(test::poisoned<A>(c.batch * c.heads * c.q_len)),
        mask_(test::key_mask_of(c)) {
    for (std::size_t n = 0; n < kInputs; ++n) {
      data_[n] = random_operand<T>(inputs_[n], 20 + n);
      initial_grad_[n] = initial(inputs_[n], 40 + n);
    }
    grad_out_ = random_operand<T>(out_place_, 30);
    initial_out_ = initial(out_place_, 31);
  }

  test::Bytes forward() { return forward(write_); }

  test::Bytes forward(Write write) {
    out_ = write == write_ ? initial_out_ : test::poisoned<T>(out_place_.count);
    attention_forward(test::kCpu, {.dtype = dtype_of<T>,
                                   .shape = shape_,
                                   .out = output(out_, out_place_, write),
                                   .lse = lse_.data(),
                                   .q = operand(0),
                                   .k = operand(1),
                                   .v = operand(2),
                                   .pe_q = operand(3),
                                   .pe_k = operand(4),
                                   .key_mask = mask_.empty() ? nullptr : mask_.data()});
    return test::bits_of(out_, lse_);
  }

  /// After forward(Write::overwrite). `wanted` has a bit for each gradient.
  test::Bytes backward(unsigned wanted = 31) {
    for (std::size_t n = 0; n < kInputs; ++n) grad_[n] = initial_grad_[n];
    const auto gradient = [&](std::size_t n) {
      const bool none = (wanted >> n & 1) == 0 || inputs_[n].size == 0;
      return none ? AttentionOutput{} : output(grad_[n], inputs_[n], write_);
    };
    attention_backward(test::kCpu, {.dtype = dtype_of<T>,
                                    .shape = shape_,
                                    .grad_q = gradient(0),
                                    .grad_k = gradient(1),
                                    .grad_v = gradient(2),
                                    .grad_pe_q = gradient(3),
                                    .grad_pe_k = gradient(4),
                                    .grad_out = {grad_out_.data(), out_place_.batch_stride,
                                                 out_place_.token_stride, out_place_.head_stride},
                                    .out = {out_.data(), out_place_.batch_stride,
                                            out_place_.token_stride, out_place_.head_stride},
                                    .lse = lse_.data(),
                                    .q = operand(0),
                                    .k = operand(1),
                                    .v = operand(2),
                                    .pe_q = operand(3),
                                    .pe_k = operand(4),
                                    .key_mask = mask_.empty() ? nullptr : mask_.data()});
    return test::bits_of(grad_[0], grad_[1], grad_[2], grad_[3], grad_[4]);
  }

  /// What the gradients hold where nobody wanted them.
  const std::vector<T>& initial_gradient(std::size_t n) const { return initial_grad_[n]; }
  const std::vector<T>& gradient(std::size_t n) const { return grad_[n]; }

  void expect_forward_as_defined() {
    forward();
    AttentionInputs in = inputs();
    Heads out = out_place_.heads_of(start(initial_out_, out_place_));
    Doubles lse(lse_.size());
    reference::attention_forward(shape_, in, out, lse);
    test::expect_close(out_, out.data, test::tolerance<T>(terms(), test::largest(out.data)), "out");
    test::expect_close(lse_, lse, test::tolerance<A>(terms(), test::largest(lse)), "lse");
  }

  void expect_backward_as_defined() {
    AttentionInputs in = inputs();
    AttentionInputs expected{gradient_start(0), gradient_start(1), gradient_start(2),
                             gradient_start(3), gradient_start(4)};
    Heads grad_out = out_place_.heads_of(test::to_double(grad_out_));
    reference::attention_backward(shape_, in, grad_out, expected);
    forward(Write::overwrite);
    backward();
    // The kernel takes rowsum(grad_out * out) from the stored output, whose value_size elements
    // were each rounded to T; that error reaches the gradients times `scale`, summed over rows.
    const double roundings =
        1 + 4 * shape_.scale * std::sqrt(static_cast<double>(shape_.value_size));
    const Heads* all[] = {&expected.q, &expected.k, &expected.v, &expected.pe_q, &expected.pe_k};
    const char* names[] = {"grad_q", "grad_k", "grad_v", "grad_pe_q", "grad_pe_k"};
    for (std::size_t n = 0; n < kInputs; ++n) {
      test::expect_close(grad_[n], all[n]->data,
                         test::tolerance<T>(terms(), test::largest(all[n]->data), roundings),
                         names[n]);
    }
  }

 private:
  double terms() const {
    return static_cast<double>(shape_.head_size + shape_.pe_size + shape_.kv_len + shape_.q_len);
  }
  std::vector<T> initial(const Placement& place, std::uint64_t seed) const {
    return write_ == Write::overwrite ? test::poisoned<T>(place.count)
                                      : random_operand<T>(place, seed);
  }
  /// The initial values that count: zeros under an output that is overwritten.
  Doubles start(const std::vector<T>& before, const Placement& place) const {
    Doubles values = test::to_double(before);
    if (write_ == Write::overwrite) place.for_each([&](std::size_t i) { values[i] = 0; });
    return values;
  }
  Heads gradient_start(std::size_t n) const {
    return inputs_[n].heads_of(start(initial_grad_[n], inputs_[n]));
  }
  Heads input(std::size_t n) const { return inputs_[n].heads_of(test::to_double(data_[n])); }
  AttentionInputs inputs() const {
    return {input(0), input(1), input(2),
            input(3), input(4), mask_.empty() ? nullptr : mask_.data()};
  }
  AttentionOperand operand(std::size_t n) const {
    return {data_[n].data(), inputs_[n].batch_stride, inputs_[n].token_stride,
            inputs_[n].head_stride};
  }
  static AttentionOutput output(std::vector<T>& data, const Placement& place, Write write) {
    return {data.data(), place.batch_stride, place.token_stride, place.head_stride, write};
  }

  AttentionShape shape_;
  Write write_;
  Placement inputs_[kInputs];
  Placement out_place_;
  std::vector<T> data_[kInputs], initial_grad_[kInputs], grad_[kInputs];
  std::vector<T> grad_out_, initial_out_, out_;
  std::vector<A> lse_;
  std::vector<std::uint8_t> mask_;
};

class AttentionKernel : public testing::TestWithParam<Case> {
 protected:
  template <typename T>
  void check() {
    SCOPED_TRACE(name_of(dtype_of<T>));
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(write == Write::overwrite ? "overwrite" : "accumulate");
      Problem<T> problem(GetParam(), write);
      problem.expect_forward_as_defined();
      problem.expect_backward_as_defined();
    }
  }
};

TEST_P(AttentionKernel, AsDefined) {
  check<float>();
  check<double>();
  check<bf16>();
}

INSTANTIATE_TEST_SUITE_P(Cases, AttentionKernel, testing::ValuesIn(test::kAttentionCases),
                         [](const auto& instance) { return instance.param.name; });

const Case& case_named(std::string_view name) {
  for (const Case& c : test::kAttentionCases) {
    if (c.name == name) return c;
  }
  throw Error(fmt::format("no case {}", name));
}

TEST(AttentionKernelBits, SameForAnyThreads) {
  for (const char* name : {"short_sequences", "several_tiles", "dropout", "pe_shared_blocks_all"}) {
    SCOPED_TRACE(name);
    Problem<float> problem(case_named(name), Write::overwrite);
    test::expect_same_bits_for_any_threads([&] { return problem.forward(); });
    test::expect_same_bits_for_any_threads([&] { return problem.backward(); });
  }
}

TEST(AttentionKernelBits, GradientsThatNobodyWantsChangeNoOther) {
  for (const char* name : {"dropout", "pe_shared_blocks_all", "pe_blocks"}) {
    SCOPED_TRACE(name);
    Problem<float> problem(case_named(name), Write::overwrite);
    problem.forward();
    problem.backward();
    std::vector<float> all[5];
    for (std::size_t n = 0; n < 5; ++n) all[n] = problem.gradient(n);
    for (unsigned wanted = 0; wanted < 32; ++wanted) {
      problem.backward(wanted);
      for (std::size_t n = 0; n < 5; ++n) {
        const auto& expected = (wanted >> n & 1) != 0 ? all[n] : problem.initial_gradient(n);
        EXPECT_TRUE(test::bits_of(problem.gradient(n)) == test::bits_of(expected))
            << "gradient " << n << ", wanted " << wanted;
      }
    }
  }
}

// A diverged model must not look like a masked row, whose output is 0.
TEST(AttentionKernelBits, NanQueriesGiveNan) {
  const float nan = std::nanf("");
  const std::vector<float> q = {nan, 1, nan}, k = {1, 1, 1}, v = {1, 2, 3};
  std::vector<float> out(3), lse(3);
  const auto operand = [](const std::vector<float>& x) {
    return AttentionOperand{x.data(), 3, 1, 1};
  };
  attention_forward(
      test::kCpu, {.shape = {.batch = 1, .q_len = 3, .kv_len = 3, .head_size = 1, .value_size = 1},
                   .out = {out.data(), 3, 1, 1},
                   .lse = lse.data(),
                   .q = operand(q),
                   .k = operand(k),
                   .v = operand(v)});
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(lse[0]));
  EXPECT_NEAR(out[1], 2.0f, 1e-6f);
  EXPECT_TRUE(std::isnan(out[2]) && std::isnan(lse[2]));
}

}  // namespace
}  // namespace seqpe::kernels
