#include "kernels/attention.h"

#include <ostream>
#include <string_view>
#include <utility>

#include "tests/reference/attention.h"
#include "tests/support/kernel_test.h"

namespace seqpe::kernels {
namespace {

using reference::AttentionInputs;
using reference::Heads;
using test::Doubles;

enum class Layout : std::uint8_t {
  token_major,  // [B, T, H * size]
  packed,       // the same inside a wider row, like one of q, k, v in [B, T, 3C]
  head_major    // [B, H, T, size]
};
enum class Mask : std::uint8_t { none, ragged, first_sequence_empty, holes };

struct Case {
  const char* name;
  std::int64_t batch = 1, heads = 1, q_len = 1, kv_len = 1, head_size = 1, value_size = 1;
  bool causal = false;
  Mask mask = Mask::none;
  double dropout = 0.0;
  std::int64_t pe_size = 0, pe_blocks = 1, first_sequence = 0;
  double pe_scale = 1.0;
  bool shared_pe = false;
  Layout layout = Layout::token_major;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

// Tiles are 48 queries by 64 keys.
const Case kCases[] = {
    {"one_of_each"},
    {"no_queries", 2, 2, 0, 3, 4, 4},
    {"no_sequences", 0, 2, 3, 3, 4, 4},
    {"no_keys", 2, 2, 3, 0, 4, 4},
    {"one_query", 2, 3, 1, 65, 8, 8},
    {"one_key", 2, 2, 5, 1, 4, 4},
    {"short_sequences", 17, 2, 7, 7, 8, 8},
    {"below_a_tile", 1, 2, 63, 63, 4, 4, true},
    {"a_tile", 1, 2, 64, 64, 8, 8, true},
    {"above_a_tile", 1, 2, 65, 65, 33, 33, true},
    {"several_tiles", 2, 1, 130, 130, 4, 8, true},
    {"several_tiles_all_visible", 1, 1, 130, 130, 8, 4},
    {"packed", 2, 3, 50, 50, 8, 8, true, Mask::none, 0, 0, 1, 0, 1, false, Layout::packed},
    {"head_major", 2, 3, 49, 33, 8, 5, false, Mask::none, 0, 0, 1, 0, 1, false, Layout::head_major},
    {"large_heads", 1, 2, 9, 11, 64, 64},
    {"largest_heads", 1, 1, 5, 70, 128, 128, true},
    {"wide_values", 2, 2, 6, 5, 4, 33},
    {"wide_keys", 2, 2, 6, 5, 33, 1},
    {"causal_with_past", 2, 2, 5, 70, 8, 8, true},
    {"causal_one_query", 2, 2, 1, 66, 8, 8, true},
    {"causal_first_queries_blind", 2, 2, 70, 5, 8, 8, true},
    {"ragged", 3, 2, 10, 70, 8, 8, false, Mask::ragged},
    {"ragged_causal", 3, 2, 70, 70, 8, 8, true, Mask::ragged},
    {"empty_sequence", 3, 2, 50, 50, 8, 8, false, Mask::first_sequence_empty},
    {"holes_causal", 3, 2, 66, 66, 4, 4, true, Mask::holes},
    {"dropout", 2, 3, 50, 67, 8, 8, false, Mask::none, 0.3},
    {"dropout_causal_masked", 2, 2, 70, 70, 4, 4, true, Mask::holes, 0.5, 0, 1, 3},
    {"pe", 2, 2, 7, 7, 8, 8, false, Mask::none, 0, 8},
    {"pe_of_own_size", 2, 2, 50, 66, 4, 8, true, Mask::none, 0, 5, 1, 0, 0.7},
    {"pe_blocks", 5, 2, 6, 6, 4, 4, false, Mask::none, 0, 3, 3, 0, 1.3},
    {"pe_blocks_later_sequences", 4, 2, 6, 6, 4, 4, true, Mask::none, 0, 3, 3, 5, 1.3},
    {"pe_blocks_unused", 2, 2, 6, 6, 4, 4, false, Mask::none, 0, 3, 4, 1},
    {"pe_shared", 3, 3, 7, 9, 8, 8, false, Mask::none, 0, 8, 1, 0, 0.5, true},
    {"pe_shared_blocks_all", 5, 3, 65, 65, 8, 4, true, Mask::ragged, 0.2, 6, 2, 3, 0.5, true},
    {"pe_packed", 2, 2, 9, 9, 4, 4, true, Mask::none, 0, 4, 2, 0, 2, false, Layout::packed},
    {"pe_head_major", 2, 2, 9, 7, 4, 4, false, Mask::none, 0, 4, 2, 0, 2, false,
     Layout::head_major},
    {"pe_empty_sequence", 2, 2, 5, 5, 4, 4, false, Mask::first_sequence_empty, 0.1, 4, 2},
};

AttentionShape shape_of(const Case& c) {
  return {.batch = c.batch,
          .heads = c.heads,
          .q_len = c.q_len,
          .kv_len = c.kv_len,
          .head_size = c.head_size,
          .value_size = c.value_size,
          .pe_size = c.pe_size,
          .pe_blocks = c.pe_blocks,
          .first_sequence = c.first_sequence,
          .causal = c.causal,
          .scale = 1.0 / std::sqrt(static_cast<double>(c.head_size + c.pe_size)),
          .pe_scale = c.pe_scale,
          .dropout = c.dropout,
          .dropout_key = {.seed = 11, .stream = 5, .step = 3}};
}

/// Where the elements of one operand lie.
struct Placement {
  std::int64_t batch = 0, tokens = 0, heads = 0, size = 0;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0, count = 0;

  Placement(Layout layout, std::int64_t batch_, std::int64_t tokens_, std::int64_t heads_,
            std::int64_t size_, bool shared = false)
      : batch(batch_), tokens(tokens_), heads(heads_), size(size_) {
    const std::int64_t slices = shared ? 1 : heads;
    if (layout == Layout::head_major) {
      token_stride = size;
      head_stride = shared ? 0 : tokens * size;
      batch_stride = slices * tokens * size;
    } else {
      token_stride = (layout == Layout::packed ? 3 : 1) * slices * size;
      head_stride = shared ? 0 : size;
      batch_stride = tokens * token_stride;
    }
    count = batch * batch_stride;
  }

  /// f(index) for every element that belongs to the operand.
  template <typename F>
  void for_each(const F& f) const {
    for (std::int64_t b = 0; b < batch; ++b) {
      for (std::int64_t t = 0; t < tokens; ++t) {
        for (std::int64_t h = 0; h < heads; ++h) {
          for (std::int64_t c = 0; c < size; ++c) {
            f(static_cast<std::size_t>(b * batch_stride + t * token_stride + h * head_stride + c));
          }
        }
      }
    }
  }
  Heads heads_of(Doubles data) const {
    return {std::move(data), batch_stride, token_stride, head_stride};
  }
};

/// Random elements where the operand lies, NaN between.
template <typename T>
std::vector<T> random_operand(const Placement& place, std::uint64_t seed) {
  const auto values = test::random_vector<T>(place.count, seed);
  auto operand = test::poisoned<T>(place.count);
  place.for_each([&](std::size_t i) { operand[i] = values[i]; });
  return operand;
}

/// One attention: operands, outputs, and what they must be.
template <typename T>
class Problem {
 public:
  using A = Acc<T>;
  static constexpr int kInputs = 5;  // q, k, v, pe_q, pe_k

  Problem(const Case& c, Write write)
      : shape_(shape_of(c)),
        write_(write),
        inputs_{Placement(c.layout, c.batch, c.q_len, c.heads, c.head_size),
                Placement(c.layout, c.batch, c.kv_len, c.heads, c.head_size),
                Placement(c.layout, c.batch, c.kv_len, c.heads, c.value_size),
                Placement(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe),
                Placement(c.layout, c.pe_blocks, c.kv_len, c.heads, c.pe_size, c.shared_pe)},
        out_place_(c.layout, c.batch, c.q_len, c.heads, c.value_size),
        lse_(test::poisoned<A>(c.batch * c.heads * c.q_len)) {
    for (std::size_t n = 0; n < kInputs; ++n) {
      data_[n] = random_operand<T>(inputs_[n], 20 + n);
      initial_grad_[n] = initial(inputs_[n], 40 + n);
    }
    grad_out_ = random_operand<T>(out_place_, 30);
    initial_out_ = initial(out_place_, 31);
    for (std::int64_t b = 0; c.mask != Mask::none && b < c.batch; ++b) {
      for (std::int64_t j = 0; j < c.kv_len; ++j) {
        const bool allowed = c.mask == Mask::ragged  ? j < c.kv_len - 3 * b
                             : c.mask == Mask::holes ? (j * 7 + b) % 5 < 3 && j >= 2 * b
                                                     : b > 0;
        mask_.push_back(allowed ? 1 : 0);
      }
    }
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

INSTANTIATE_TEST_SUITE_P(Cases, AttentionKernel, testing::ValuesIn(kCases),
                         [](const auto& instance) { return instance.param.name; });

const Case& case_named(std::string_view name) {
  for (const Case& c : kCases) {
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
