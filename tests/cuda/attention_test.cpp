#include "kernels/attention.h"

#include <array>

#include "tests/cuda/device_array.h"
#include "tests/support/attention_cases.h"

namespace seqpe::kernels {
namespace {

using Case = test::AttentionCase;
using test::as;
using test::Placement;

constexpr std::size_t kInputs = 5;  // q, k, v, pe_q, pe_k
constexpr std::array<const char*, kInputs> kGradientNames{"grad_q", "grad_k", "grad_v", "grad_pe_q",
                                                          "grad_pe_k"};
constexpr unsigned kAllGradients = 31;

template <typename T>
class AttentionCuda : public testing::Test {};
TYPED_TEST_SUITE(AttentionCuda, test::DeviceTypes);

template <typename U>
struct Results {
  std::vector<U> out;
  std::vector<Acc<U>> lse;
  std::array<std::vector<U>, kInputs> gradients;
};

/// The operands of a case and what outputs hold before, as numbers of T; NaN between them.
template <typename T>
struct Problem {
  Problem(const Case& c, Write write_)
      : shape(test::shape_of(c)),
        write(write_),
        places{Placement(c.layout, c.batch, c.q_len, c.heads, c.head_size),
               Placement(c.layout, c.batch, c.kv_len, c.heads, c.head_size),
               Placement(c.layout, c.batch, c.kv_len, c.heads, c.value_size),
               Placement(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe),
               Placement(c.layout, c.pe_blocks, c.kv_len, c.heads, c.pe_size, c.shared_pe)},
        out_place(c.layout, c.batch, c.q_len, c.heads, c.value_size),
        mask(test::key_mask_of(c)) {
    for (std::size_t n = 0; n < kInputs; ++n) {
      inputs[n] = test::random_operand<T>(places[n], 20 + n);
      initial[n] = before(places[n], 40 + n);
    }
    grad_out = test::random_operand<T>(out_place, 30);
    initial_out = before(out_place, 31);
  }

  std::vector<T> before(const Placement& place, std::uint64_t seed) const {
    return write == Write::overwrite ? test::poisoned<T>(place.count)
                                     : test::random_operand<T>(place, seed);
  }

  AttentionShape shape;
  Write write;
  std::array<Placement, kInputs> places;
  Placement out_place;
  std::array<std::vector<T>, kInputs> inputs, initial;
  std::vector<T> grad_out, initial_out;
  std::vector<std::uint8_t> mask;
};

AttentionOperand operand(const void* data, const Placement& place) {
  return {data, place.batch_stride, place.token_stride, place.head_stride};
}
AttentionOutput output(void* data, const Placement& place, Write write) {
  return {data, place.batch_stride, place.token_stride, place.head_stride, write};
}

/// Forward, and backward of the gradients in `wanted`, a bit for each, computed in U.
template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Problem<T>& problem, unsigned wanted = kAllGradients) {
  const AttentionShape& shape = problem.shape;
  const auto memory = [](const std::vector<T>& values) { return Memory<U>(as<U>(values)); };
  const Memory<U> inputs[] = {memory(problem.inputs[0]), memory(problem.inputs[1]),
                              memory(problem.inputs[2]), memory(problem.inputs[3]),
                              memory(problem.inputs[4])};
  const Memory<U> gradients[] = {memory(problem.initial[0]), memory(problem.initial[1]),
                                 memory(problem.initial[2]), memory(problem.initial[3]),
                                 memory(problem.initial[4])};
  const Memory<U> grad_out = memory(problem.grad_out), out = memory(problem.initial_out);
  // Backward takes what forward gives without anything added.
  const Memory<U> plain_out(test::poisoned<U>(problem.out_place.count));
  const Memory<Acc<U>> lse(test::poisoned<Acc<U>>(shape.batch * shape.heads * shape.q_len));
  const Memory<std::uint8_t> mask(problem.mask);
  const auto input = [&](std::size_t n) { return operand(inputs[n].data(), problem.places[n]); };
  const auto gradient = [&](std::size_t n) {
    const bool none = (wanted >> n & 1) == 0 || problem.places[n].size == 0;
    return none ? AttentionOutput{} : output(gradients[n].data(), problem.places[n], problem.write);
  };

  AttentionForwardArgs forward{.dtype = dtype_of<U>,
                               .shape = shape,
                               .lse = lse.data(),
                               .q = input(0),
                               .k = input(1),
                               .v = input(2),
                               .pe_q = input(3),
                               .pe_k = input(4),
                               .key_mask = problem.mask.empty() ? nullptr : mask.data()};
  forward.out = output(plain_out.data(), problem.out_place, Write::overwrite);
  attention_forward(context, forward);
  forward.out = output(out.data(), problem.out_place, problem.write);
  attention_forward(context, forward);

  attention_backward(context, {.dtype = dtype_of<U>,
                               .shape = shape,
                               .grad_q = gradient(0),
                               .grad_k = gradient(1),
                               .grad_v = gradient(2),
                               .grad_pe_q = gradient(3),
                               .grad_pe_k = gradient(4),
                               .grad_out = operand(grad_out.data(), problem.out_place),
                               .out = operand(plain_out.data(), problem.out_place),
                               .lse = lse.data(),
                               .q = forward.q,
                               .k = forward.k,
                               .v = forward.v,
                               .pe_q = forward.pe_q,
                               .pe_k = forward.pe_k,
                               .key_mask = forward.key_mask});
  Results<U> results{out.read(), lse.read(), {}};
  for (std::size_t n = 0; n < kInputs; ++n) results.gradients[n] = gradients[n].read();
  return results;
}

/// The elements that belong to an output, one after the other. Between them nothing may be written.
template <typename U>
std::vector<U> elements_of(const std::vector<U>& data, const Placement& place, const char* what) {
  std::vector<U> elements;
  std::vector<bool> belongs(data.size());
  place.for_each([&](std::size_t i) {
    elements.push_back(data[i]);
    belongs[i] = true;
  });
  for (std::size_t i = 0; i < data.size(); ++i) {
    EXPECT_TRUE(belongs[i] || std::isnan(test::to_double(data[i]))) << what << "[" << i << "]";
  }
  return elements;
}

template <typename T>
void expect_as_good_as_the_cpu(const Case& c, Write write) {
  const Problem<T> problem(c, write);
  const auto exact = run<double, test::HostArray>(test::kCpu, problem);
  const auto cpu = run<T, test::HostArray>(test::kCpu, problem);
  test::under_every_schedule([&] {
    const auto device = run<T, test::DeviceArray>(test::kCuda, problem);
    const auto compare = [&](const std::vector<T>& ours, const std::vector<T>& cpus,
                             const std::vector<double>& exacts, const Placement& place,
                             const char* what) {
      test::expect_as_good(elements_of(ours, place, what), elements_of(cpus, place, what),
                           elements_of(exacts, place, what), what);
    };
    compare(device.out, cpu.out, exact.out, problem.out_place, "out");
    for (std::size_t i = 0; i < exact.lse.size(); ++i) {
      if (std::isinf(exact.lse[i])) {
        EXPECT_EQ(device.lse[i], -INFINITY) << "lse[" << i << "]";
      } else {
        EXPECT_NEAR(device.lse[i], exact.lse[i], 1e-5) << "lse[" << i << "]";
      }
    }
    for (std::size_t n = 0; n < kInputs; ++n)
      compare(device.gradients[n], cpu.gradients[n], exact.gradients[n], problem.places[n],
              kGradientNames[n]);
  });
}

TYPED_TEST(AttentionCuda, AsGoodAsTheCpu) {
  for (const Case& c : test::kAttentionCases) {
    for (const Write write : test::kWrites) {
      SCOPED_TRACE(testing::Message()
                   << c.name << (write == Write::overwrite ? ", overwrite" : ", accumulate"));
      expect_as_good_as_the_cpu<TypeParam>(c, write);
    }
  }
}

TYPED_TEST(AttentionCuda, GradientsThatNobodyWantsChangeNoOther) {
  for (const Case& c : test::kAttentionCases) {
    if (std::string_view(c.name) != "pe_shared_blocks_all" &&
        std::string_view(c.name) != "dropout_causal_masked")
      continue;
    SCOPED_TRACE(c.name);
    const Problem<TypeParam> problem(c, Write::accumulate);
    const auto all = run<TypeParam, test::DeviceArray>(test::kCuda, problem);
    // None, each alone, all but each.
    for (unsigned gradient = 0; gradient <= kInputs; ++gradient) {
      const unsigned alone = gradient == kInputs ? 0 : 1u << gradient;
      for (const unsigned wanted : {alone, kAllGradients - alone}) {
        const auto some = run<TypeParam, test::DeviceArray>(test::kCuda, problem, wanted);
        for (std::size_t n = 0; n < kInputs; ++n) {
          const auto& expected = (wanted >> n & 1) != 0 ? all.gradients[n] : problem.initial[n];
          EXPECT_TRUE(test::bits_of(some.gradients[n]) == test::bits_of(expected))
              << kGradientNames[n] << ", wanted " << wanted;
        }
      }
    }
  }
}

/// Queries in float32 against three keys and values of width one, forward and backward on a device.
Results<float> three_keys(const Context& context, const std::vector<float>& queries, float key) {
  const auto count = static_cast<std::int64_t>(queries.size());
  Problem<float> problem({.name = "", .q_len = count, .kv_len = 3}, Write::overwrite);
  problem.inputs[0] = queries;
  problem.inputs[1] = {key, key, key};
  problem.inputs[2] = {1, 2, 3};
  return context.device == Device::cpu ? run<float, test::HostArray>(context, problem)
                                       : run<float, test::DeviceArray>(context, problem);
}

// A diverged model must not look like a masked row, whose output is 0.
TEST(AttentionCudaRows, NanQueriesGiveNan) {
  const float nan = std::nanf("");
  test::under_every_schedule([&] {
    const Results<float> results = three_keys(test::kCuda, {nan, 1, nan}, 1);
    for (const std::size_t row : {0u, 2u}) {
      EXPECT_TRUE(std::isnan(results.out[row]) && std::isnan(results.lse[row])) << row;
      EXPECT_TRUE(std::isnan(results.gradients[0][row])) << row;
    }
    EXPECT_NEAR(results.out[1], 2.0f, 1e-6f);
    EXPECT_NEAR(results.lse[1], 1 + std::log(3.0), 1e-6);
  });
}

// Logits beyond float32 leave a row nothing, as if no key were allowed: its output is 0, and its
// gradients are.
TEST(AttentionCudaRows, LogitsOfMinusInfinityGiveNothing) {
  const auto check = [](const Context& context) {
    // The second query's logits are -1e60.
    const Results<float> results = three_keys(context, {1e-30f, -1e30f}, 1e30f),
                         first = three_keys(context, {1e-30f}, 1e30f);
    EXPECT_EQ(results.out[1], 0.0f);
    EXPECT_EQ(results.lse[1], -INFINITY);
    EXPECT_EQ(results.gradients[0][1], 0.0f);
    EXPECT_EQ(results.out[0], first.out[0]);
    EXPECT_EQ(results.gradients[0][0], first.gradients[0][0]);
    for (const std::size_t n : {1u, 2u}) {
      for (std::size_t key = 0; key < 3; ++key) {
        EXPECT_EQ(results.gradients[n][key], first.gradients[n][key])
            << kGradientNames[n] << "[" << key << "]";
      }
    }
  };
  check(test::kCpu);
  test::under_every_schedule([&] { check(test::kCuda); });
}

TEST(AttentionCudaErrors, HeadsThatRegistersDoNotHold) {
  AttentionForwardArgs args;
  args.shape.head_size = 129;
  try {
    attention_forward(test::kCuda, args);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "[attention] heads on a cuda device may have at most 128 columns, got 129 of q "
                 "and k, 0 of pe, 0 of v.");
  }
}

}  // namespace
}  // namespace seqpe::kernels
