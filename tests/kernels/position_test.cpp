#include "kernels/position.h"

#include "tests/support/kernel_test.h"
#include "tests/support/position_cases.h"

namespace seqpe::kernels {
namespace {

using test::Doubles;

template <typename T>
class PositionKernel : public testing::Test {};
TYPED_TEST_SUITE(PositionKernel, test::Floating);

/// One embedding and its definition, element by element.
template <typename T>
struct Problem {
  PositionLayout layout;
  PositionAct act;
  std::int64_t count = layout.batch * layout.tokens * 3 * layout.channels;
  std::int64_t pe_count = layout.blocks * layout.tokens * layout.width;
  std::vector<T> qkv = test::random_vector<T>(count, 1);
  std::vector<T> pe = test::random_vector<T>(pe_count, 2);
  std::vector<T> grad_out = test::random_vector<T>(count, 3);

  /// f(element of qkv, element of pe) for queries and keys, f(element of qkv, -1) for values.
  template <typename F>
  void for_each(const F& f) const {
    for (std::int64_t e = 0; e < count; ++e) {
      const std::int64_t part = e / layout.channels % 3;
      if (part == 2) {
        f(static_cast<std::size_t>(e), -1);
        continue;
      }
      const std::int64_t row = e / (3 * layout.channels);
      const std::int64_t block = (layout.first_sequence + row / layout.tokens) % layout.blocks;
      const std::int64_t column =
          (part == 0 ? layout.q_column : layout.k_column) + e % layout.channels % layout.slice;
      f(static_cast<std::size_t>(e),
        (block * layout.tokens + row % layout.tokens) * layout.width + column);
    }
  }
  double embedding(std::int64_t at) const {
    return test::to_double(pe[static_cast<std::size_t>(at)]);
  }
  void backward(std::vector<T>* grad_qkv, std::vector<T>* grad_pe, Write write) const {
    position_backward(test::kCpu, {.dtype = dtype_of<T>,
                                   .act = act,
                                   .layout = layout,
                                   .grad_qkv = grad_qkv != nullptr ? grad_qkv->data() : nullptr,
                                   .grad_pe = grad_pe != nullptr ? grad_pe->data() : nullptr,
                                   .write_qkv = write,
                                   .write_pe = write,
                                   .grad_out = grad_out.data(),
                                   .qkv = qkv.data(),
                                   .pe = pe.data()});
  }
};

TYPED_TEST(PositionKernel, ForwardAsDefined) {
  using T = TypeParam;
  for (const PositionLayout& layout : test::kPositionLayouts) {
    for (const PositionAct act : test::kElementwiseActs) {
      const Problem<T> problem{layout, act};
      Doubles expected = test::to_double(problem.qkv);
      problem.for_each([&](std::size_t e, std::int64_t at) {
        if (at < 0) return;
        if (act == PositionAct::add) {
          expected[e] += problem.embedding(at);
        } else {
          expected[e] *= problem.embedding(at);
        }
      });
      auto out = test::poisoned<T>(problem.count);
      position_forward(test::kCpu, {.dtype = dtype_of<T>,
                                    .act = act,
                                    .layout = layout,
                                    .out = out.data(),
                                    .qkv = problem.qkv.data(),
                                    .pe = problem.pe.data()});
      test::expect_close(out, expected, test::tolerance<T>(1, 2), "out");
    }
  }
}

TYPED_TEST(PositionKernel, BackwardAsDefined) {
  using T = TypeParam;
  for (const PositionLayout& layout : test::kPositionLayouts) {
    for (const PositionAct act : test::kElementwiseActs) {
      for (const Write write : test::kWrites) {
        const Problem<T> problem{layout, act};
        auto grad_qkv = test::before<T>(write, problem.count, 5);
        auto grad_pe = test::before<T>(write, problem.pe_count, 6);
        const bool accumulate = write == Write::accumulate;
        Doubles qkv = accumulate ? test::to_double(grad_qkv) : Doubles(grad_qkv.size());
        Doubles pe = accumulate ? test::to_double(grad_pe) : Doubles(grad_pe.size());
        problem.for_each([&](std::size_t e, std::int64_t at) {
          const double grad = test::to_double(problem.grad_out[e]);
          const bool scaled = at >= 0 && act == PositionAct::multiply;
          qkv[e] += scaled ? grad * problem.embedding(at) : grad;
          if (at >= 0)
            pe[static_cast<std::size_t>(at)] +=
                scaled ? grad * test::to_double(problem.qkv[e]) : grad;
        });
        auto qkv_alone = grad_qkv, pe_alone = grad_pe;
        problem.backward(&grad_qkv, &grad_pe, write);
        test::expect_close(grad_qkv, qkv, test::tolerance<T>(1, 2), "grad_qkv");
        const auto terms = static_cast<double>(layout.batch * layout.channels);
        test::expect_close(grad_pe, pe, test::tolerance<T>(terms, test::largest(pe)), "grad_pe");
        problem.backward(&qkv_alone, nullptr, write);
        problem.backward(nullptr, &pe_alone, write);
        EXPECT_TRUE(test::bits_of(grad_qkv, grad_pe) == test::bits_of(qkv_alone, pe_alone));
      }
    }
  }
}

TYPED_TEST(PositionKernel, SameBitsForAnyThreads) {
  using T = TypeParam;
  const Problem<T> problem{{.batch = 7, .tokens = 9, .channels = 12, .width = 3, .slice = 3},
                           PositionAct::multiply};
  test::expect_same_bits_for_any_threads([&] {
    auto grad_qkv = test::poisoned<T>(problem.count), grad_pe = test::poisoned<T>(problem.pe_count);
    problem.backward(&grad_qkv, &grad_pe, Write::overwrite);
    return test::bits_of(grad_qkv, grad_pe);
  });
}

}  // namespace
}  // namespace seqpe::kernels
