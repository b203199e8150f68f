// Attention on a device: a case's operands, a run of forward and backward, and how good it must be.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "kernels/attention.h"
#include "tests/cuda/device_array.h"
#include "tests/support/attention_cases.h"

namespace seqpe::test {

using kernels::AttentionBackwardArgs;
using kernels::AttentionForwardArgs;
using kernels::AttentionOperand;
using kernels::AttentionOutput;
using kernels::AttentionShape;

inline constexpr std::size_t kAttentionInputs = 5;  // q, k, v, pe_q, pe_k
inline constexpr std::array<const char*, kAttentionInputs> kGradientNames{
    "grad_q", "grad_k", "grad_v", "grad_pe_q", "grad_pe_k"};
inline constexpr unsigned kAllGradients = 31;

template <typename U>
struct AttentionResults {
  std::vector<U> out;
  std::vector<Acc<U>> lse;
  std::array<std::vector<U>, kAttentionInputs> gradients;
};

/// The operands of a case and what outputs hold before, as numbers of T; NaN between them.
template <typename T>
struct AttentionProblem {
  AttentionProblem(const AttentionCase& c, Write write_)
      : shape(shape_of(c)),
        write(write_),
        places{Placement(c.layout, c.batch, c.q_len, c.heads, c.head_size),
               Placement(c.layout, c.batch, c.kv_len, c.heads, c.head_size),
               Placement(c.layout, c.batch, c.kv_len, c.heads, c.value_size),
               Placement(c.layout, c.pe_blocks, c.q_len, c.heads, c.pe_size, c.shared_pe),
               Placement(c.layout, c.pe_blocks, c.kv_len, c.heads, c.pe_size, c.shared_pe)},
        out_place(c.layout, c.batch, c.q_len, c.heads, c.value_size),
        mask(key_mask_of(c)) {
    for (std::size_t n = 0; n < kAttentionInputs; ++n) {
      inputs[n] = random_operand<T>(places[n], 20 + n);
      initial[n] = before(places[n], 40 + n);
    }
    grad_out = random_operand<T>(out_place, 30);
    initial_out = before(out_place, 31);
  }

  std::vector<T> before(const Placement& place, std::uint64_t seed) const {
    return write == Write::overwrite ? poisoned<T>(place.count) : random_operand<T>(place, seed);
  }

  AttentionShape shape;
  Write write;
  std::array<Placement, kAttentionInputs> places;
  Placement out_place;
  std::array<std::vector<T>, kAttentionInputs> inputs, initial;
  std::vector<T> grad_out, initial_out;
  std::vector<std::uint8_t> mask;
};

inline AttentionOperand operand(const void* data, const Placement& place) {
  return {data, place.batch_stride, place.token_stride, place.head_stride};
}
inline AttentionOutput output(void* data, const Placement& place, Write write) {
  return {data, place.batch_stride, place.token_stride, place.head_stride, write};
}

/// Forward, and backward of the gradients in `wanted`, a bit for each, computed in U.
template <typename U, template <typename> class Memory, typename T>
AttentionResults<U> run_attention(const Context& context, const AttentionProblem<T>& problem,
                                  unsigned wanted = kAllGradients) {
  AttentionShape shape = problem.shape;
  const Memory<std::int32_t> step({static_cast<std::int32_t>(shape.dropout_key.step)});
  shape.dropout_step = step.data();
  shape.dropout_key.step = 0;  // not what counts
  const auto memory = [](const std::vector<T>& values) { return Memory<U>(as<U>(values)); };
  const Memory<U> inputs[] = {memory(problem.inputs[0]), memory(problem.inputs[1]),
                              memory(problem.inputs[2]), memory(problem.inputs[3]),
                              memory(problem.inputs[4])};
  const Memory<U> gradients[] = {memory(problem.initial[0]), memory(problem.initial[1]),
                                 memory(problem.initial[2]), memory(problem.initial[3]),
                                 memory(problem.initial[4])};
  const Memory<U> grad_out = memory(problem.grad_out), out = memory(problem.initial_out);
  // Backward takes what forward gives without anything added.
  const Memory<U> plain_out(poisoned<U>(problem.out_place.count));
  const Memory<Acc<U>> lse(poisoned<Acc<U>>(shape.batch * shape.heads * shape.q_len));
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
  kernels::attention_forward(context, forward);
  forward.out = output(out.data(), problem.out_place, problem.write);
  kernels::attention_forward(context, forward);

  kernels::attention_backward(context, {.dtype = dtype_of<U>,
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
  AttentionResults<U> results{out.read(), lse.read(), {}};
  for (std::size_t n = 0; n < kAttentionInputs; ++n) results.gradients[n] = gradients[n].read();
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
    EXPECT_TRUE(belongs[i] || std::isnan(to_double(data[i]))) << what << "[" << i << "]";
  }
  return elements;
}

/// Forward and backward by the definition, in doubles that are rounded as `rounded` says and given
/// in U; `keep`: the masks of dropout (reference::AttentionInputs).
template <typename U>
AttentionResults<U> define_attention(const AttentionProblem<bf16>& problem,
                                     double (*rounded)(double),
                                     const std::function<double(std::uint64_t)>& keep = nullptr) {
  const auto heads = [](const std::vector<bf16>& data, const Placement& place) {
    return place.heads_of(to_double(data));
  };
  // The reference adds to its outputs.
  const auto before = [&](const std::vector<bf16>& initial, const Placement& place) {
    if (problem.write == Write::accumulate) return heads(initial, place);
    auto zeros = poisoned<double>(place.count);
    place.for_each([&](std::size_t i) { zeros[i] = 0; });
    return place.heads_of(std::move(zeros));
  };
  const auto& places = problem.places;
  const auto& inputs = problem.inputs;
  reference::AttentionInputs in{.q = heads(inputs[0], places[0]),
                                .k = heads(inputs[1], places[1]),
                                .v = heads(inputs[2], places[2]),
                                .pe_q = heads(inputs[3], places[3]),
                                .pe_k = heads(inputs[4], places[4]),
                                .key_mask = problem.mask.empty() ? nullptr : problem.mask.data(),
                                .rounded = rounded,
                                .keep = keep};
  reference::AttentionInputs grad{.q = before(problem.initial[0], places[0]),
                                  .k = before(problem.initial[1], places[1]),
                                  .v = before(problem.initial[2], places[2]),
                                  .pe_q = before(problem.initial[3], places[3]),
                                  .pe_k = before(problem.initial[4], places[4])};
  auto out = before(problem.initial_out, problem.out_place);
  auto grad_out = heads(problem.grad_out, problem.out_place);
  const AttentionShape& shape = problem.shape;
  Doubles lse(static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len));
  reference::attention_forward(shape, in, out, lse);
  reference::attention_backward(shape, in, grad_out, grad);
  return {as<U>(out.data),
          as<Acc<U>>(lse),
          {as<U>(grad.q.data), as<U>(grad.k.data), as<U>(grad.v.data), as<U>(grad.pe_q.data),
           as<U>(grad.pe_k.data)}};
}

/// As one who makes every operation on tensors of bf16: logits, weights and their gradients are
/// rounded, as the operands of tensor cores must be.
inline AttentionResults<bf16> run_plainly(
    const AttentionProblem<bf16>& problem,
    const std::function<double(std::uint64_t)>& keep = nullptr) {
  return define_attention<bf16>(
      problem, [](double value) { return to_double(from_double<bf16>(value)); }, keep);
}

/// Under every schedule the device may err at most twice as much as `peer`, in each result.
template <typename T>
void expect_as_good_as(const AttentionResults<T>& peer, const AttentionResults<double>& exact,
                       const AttentionProblem<T>& problem) {
  under_every_schedule([&] {
    const auto device = run_attention<T, DeviceArray>(on_cuda(), problem);
    const auto compare = [&](const std::vector<T>& ours, const std::vector<T>& peers,
                             const std::vector<double>& exacts, const Placement& place,
                             const char* what, double roundings) {
      expect_as_good(elements_of(ours, place, what), elements_of(peers, place, what),
                     elements_of(exacts, place, what), what, roundings);
    };
    constexpr double kRoundings = 4;
    compare(device.out, peer.out, exact.out, problem.out_place, "out", kRoundings);
    double largest_lse = 0;
    for (std::size_t i = 0; i < exact.lse.size(); ++i) {
      if (std::isinf(exact.lse[i])) {
        EXPECT_EQ(device.lse[i], -INFINITY) << "lse[" << i << "]";
      } else {
        EXPECT_NEAR(device.lse[i], exact.lse[i], 1e-5) << "lse[" << i << "]";
        largest_lse = std::max(largest_lse, std::abs(exact.lse[i]));
      }
    }
    // Backward takes weights from e^(logit - lse): one rounding of the lse is |lse| of theirs.
    for (std::size_t n = 0; n < kAttentionInputs; ++n)
      compare(device.gradients[n], peer.gradients[n], exact.gradients[n], problem.places[n],
              kGradientNames[n], kRoundings + largest_lse);
  });
}

template <typename T>
void expect_as_good_as(const AttentionResults<T>& peer, const AttentionProblem<T>& problem) {
  expect_as_good_as(peer, run_attention<double, HostArray>(kCpu, problem), problem);
}

/// None wanted, each alone, all but each: what is wanted comes out the same, the rest is untouched.
template <typename T>
void expect_gradients_by_themselves(const AttentionProblem<T>& problem) {
  const auto all = run_attention<T, DeviceArray>(on_cuda(), problem);
  for (unsigned gradient = 0; gradient <= kAttentionInputs; ++gradient) {
    const unsigned alone = gradient == kAttentionInputs ? 0 : 1u << gradient;
    for (const unsigned wanted : {alone, kAllGradients - alone}) {
      const auto some = run_attention<T, DeviceArray>(on_cuda(), problem, wanted);
      for (std::size_t n = 0; n < kAttentionInputs; ++n) {
        const auto& expected = (wanted >> n & 1) != 0 ? all.gradients[n] : problem.initial[n];
        EXPECT_TRUE(bits_of(some.gradients[n]) == bits_of(expected))
            << kGradientNames[n] << ", wanted " << wanted;
      }
    }
  }
}

}  // namespace seqpe::test
