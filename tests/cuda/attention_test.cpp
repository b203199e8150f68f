#include "kernels/attention.h"

#include "tests/cuda/device_array.h"
#include "tests/reference/attention.h"

namespace seqpe::kernels {
namespace {

using test::as;

template <typename T>
class AttentionCuda : public testing::Test {};
TYPED_TEST_SUITE(AttentionCuda, test::DeviceTypes);

struct Case {
  std::int64_t batch = 1, heads = 1, q_len = 5, kv_len = 5, head = 4, value = 4, pe = 0;
  std::int64_t pe_blocks = 1, first_sequence = 0, first_query = 0, queries = 0;
  bool causal = false, shared_slice = false, masked = false;
  double dropout = 0.0;
  Write write = Write::overwrite;
};

// Tiles are 16 rows and 32 of the other side.
const Case kCases[] = {
    {.q_len = 1, .kv_len = 1, .head = 1, .value = 1},
    {.q_len = 0, .kv_len = 3},
    {.q_len = 3, .kv_len = 0},
    {.batch = 2, .heads = 3, .q_len = 37, .kv_len = 37, .head = 8, .value = 8, .causal = true},
    {.q_len = 17, .kv_len = 70, .head = 33, .value = 5, .causal = true, .write = Write::accumulate},
    {.batch = 2, .heads = 2, .q_len = 9, .kv_len = 40, .head = 6, .value = 7, .masked = true},
    {.batch = 3,
     .heads = 2,
     .q_len = 20,
     .kv_len = 20,
     .head = 8,
     .value = 8,
     .pe = 8,
     .pe_blocks = 2,
     .first_sequence = 1,
     .causal = true},
    {.batch = 2,
     .heads = 3,
     .q_len = 18,
     .kv_len = 18,
     .head = 4,
     .value = 4,
     .pe = 6,
     .shared_slice = true,
     .write = Write::accumulate},
    {.batch = 2,
     .heads = 2,
     .q_len = 34,
     .kv_len = 34,
     .head = 4,
     .value = 4,
     .first_sequence = 5,
     .causal = true,
     .dropout = 0.3},
    {.batch = 3,
     .heads = 2,
     .q_len = 1,
     .kv_len = 6,
     .head = 8,
     .value = 8,
     .first_query = 5,
     .queries = 6,
     .causal = true,
     .dropout = 0.2},
    {.q_len = 18, .kv_len = 18, .head = 128, .value = 127, .pe = 128, .causal = true},
};

// bf16 on tensor cores. Tiles there are 64 or 128 queries and 32 or 64 keys; kv_len decides whether
// neighbouring weights share their random numbers.
const Case kTensorCoreCases[] = {
    {.q_len = 64, .kv_len = 64, .head = 64, .value = 64},
    {.batch = 2, .heads = 2, .q_len = 150, .kv_len = 150, .head = 64, .value = 64, .causal = true},
    {.q_len = 0, .kv_len = 3, .head = 32, .value = 32},
    {.q_len = 3, .kv_len = 0, .head = 32, .value = 32},
    {.batch = 2,
     .heads = 2,
     .q_len = 33,
     .kv_len = 131,
     .head = 32,
     .value = 32,
     .causal = true,
     .masked = true,
     .dropout = 0.3,
     .write = Write::accumulate},
    {.batch = 3,
     .heads = 2,
     .q_len = 70,
     .kv_len = 70,
     .head = 64,
     .value = 64,
     .pe = 64,
     .pe_blocks = 2,
     .first_sequence = 1,
     .causal = true,
     .write = Write::accumulate},
    {.batch = 2,
     .heads = 2,
     .q_len = 132,
     .kv_len = 132,
     .head = 64,
     .value = 64,
     .pe = 64,
     .first_sequence = 5,
     .causal = true,
     .shared_slice = true,
     .masked = true,
     .dropout = 0.2},
    {.heads = 2,
     .q_len = 5,
     .kv_len = 68,
     .head = 32,
     .value = 32,
     .pe = 32,
     .first_query = 63,
     .queries = 68,
     .causal = true,
     .dropout = 0.5},
    {.q_len = 65, .kv_len = 40, .head = 128, .value = 128, .causal = true, .dropout = 0.1},
    {.batch = 2, .q_len = 50, .kv_len = 70, .head = 128, .value = 128, .pe = 128, .dropout = 0.1},
};

template <typename U>
struct Results {
  std::vector<U> out;
  std::vector<Acc<U>> lse;
  std::vector<U> grad_q, grad_k, grad_v, grad_pe_q, grad_pe_k;
};

/// [batch, tokens, heads, size], dense; a shared slice of pe has one head.
AttentionOperand operand(const void* data, std::int64_t tokens, std::int64_t heads,
                         std::int64_t size, bool shared = false) {
  return {data, tokens * (shared ? 1 : heads) * size, (shared ? 1 : heads) * size,
          shared ? 0 : size};
}
AttentionOutput output(void* data, std::int64_t tokens, std::int64_t heads, std::int64_t size,
                       Write write, bool shared = false) {
  const AttentionOperand place = operand(data, tokens, heads, size, shared);
  return {data, place.batch_stride, place.token_stride, place.head_stride, write};
}

AttentionShape shape_of(const Case& c) {
  AttentionShape shape{.batch = c.batch,
                       .heads = c.heads,
                       .q_len = c.q_len,
                       .kv_len = c.kv_len,
                       .head_size = c.head,
                       .value_size = c.value,
                       .pe_size = c.pe,
                       .pe_blocks = c.pe_blocks,
                       .first_sequence = c.first_sequence,
                       .causal = c.causal,
                       .scale = 0.7,
                       .pe_scale = 0.5,
                       .dropout = c.dropout,
                       .first_query = c.first_query,
                       .queries = c.queries};
  shape.dropout_key = {.seed = 3, .stream = 5, .step = 7};
  return shape;
}

/// [batch, kv_len]. The first sequence may see nothing at all, the others two keys of three.
std::vector<std::uint8_t> allowed_keys(const Case& c) {
  std::vector<std::uint8_t> allowed(static_cast<std::size_t>(c.batch * c.kv_len));
  for (std::size_t i = 0; i < allowed.size(); ++i)
    allowed[i] = static_cast<std::int64_t>(i) >= c.kv_len && i % 3 != 0;
  return allowed;
}

template <typename U, template <typename> class Memory, typename T>
Results<U> run(const Context& context, const Case& c) {
  const std::int64_t slices = c.shared_slice ? 1 : c.heads;
  const std::int64_t q_size = c.batch * c.q_len * c.heads * c.head,
                     k_size = c.batch * c.kv_len * c.heads * c.head;
  const std::int64_t v_size = c.batch * c.kv_len * c.heads * c.value,
                     out_size = c.batch * c.q_len * c.heads * c.value;
  const std::int64_t pe_q_size = c.pe_blocks * c.q_len * slices * c.pe,
                     pe_k_size = c.pe_blocks * c.kv_len * slices * c.pe;
  const auto given = [](std::int64_t count, std::uint64_t seed) {
    return as<U>(test::random_vector<T>(count, seed));
  };
  const auto before = [&](std::int64_t count, std::uint64_t seed) {
    return as<U>(test::before<T>(c.write, count, seed));
  };
  const Memory<U> q(given(q_size, 1)), k(given(k_size, 2)), v(given(v_size, 3)),
      grad_out(given(out_size, 4));
  const Memory<U> pe_q(given(pe_q_size, 5)), pe_k(given(pe_k_size, 6));
  const Memory<U> out(test::poisoned<U>(out_size)), grad_q(before(q_size, 11)),
      grad_k(before(k_size, 12)), grad_v(before(v_size, 13)), grad_pe_q(before(pe_q_size, 14)),
      grad_pe_k(before(pe_k_size, 15));
  const Memory<Acc<U>> lse(test::poisoned<Acc<U>>(c.batch * c.heads * c.q_len));
  const Memory<std::uint8_t> key_mask(allowed_keys(c));

  const AttentionShape shape = shape_of(c);
  AttentionForwardArgs forward{.dtype = dtype_of<U>, .shape = shape};
  forward.out = output(out.data(), c.q_len, c.heads, c.value, Write::overwrite);
  forward.lse = lse.data();
  forward.q = operand(q.data(), c.q_len, c.heads, c.head);
  forward.k = operand(k.data(), c.kv_len, c.heads, c.head);
  forward.v = operand(v.data(), c.kv_len, c.heads, c.value);
  forward.pe_q = operand(pe_q.data(), c.q_len, c.heads, c.pe, c.shared_slice);
  forward.pe_k = operand(pe_k.data(), c.kv_len, c.heads, c.pe, c.shared_slice);
  forward.key_mask = c.masked ? key_mask.data() : nullptr;
  attention_forward(context, forward);

  AttentionBackwardArgs backward{.dtype = dtype_of<U>, .shape = shape};
  backward.grad_q = output(grad_q.data(), c.q_len, c.heads, c.head, c.write);
  backward.grad_k = output(grad_k.data(), c.kv_len, c.heads, c.head, c.write);
  backward.grad_v = output(grad_v.data(), c.kv_len, c.heads, c.value, c.write);
  if (c.pe > 0) {
    backward.grad_pe_q = output(grad_pe_q.data(), c.q_len, c.heads, c.pe, c.write, c.shared_slice);
    backward.grad_pe_k = output(grad_pe_k.data(), c.kv_len, c.heads, c.pe, c.write, c.shared_slice);
  }
  backward.grad_out = operand(grad_out.data(), c.q_len, c.heads, c.value);
  backward.out = operand(out.data(), c.q_len, c.heads, c.value);
  backward.lse = lse.data();
  backward.q = forward.q;
  backward.k = forward.k;
  backward.v = forward.v;
  backward.pe_q = forward.pe_q;
  backward.pe_k = forward.pe_k;
  backward.key_mask = forward.key_mask;
  attention_backward(context, backward);
  return {out.read(),    lse.read(),       grad_q.read(),   grad_k.read(),
          grad_v.read(), grad_pe_q.read(), grad_pe_k.read()};
}

/// What run() computes in bf16, every operation on tensors of bf16: logits, weights and their
/// gradients are rounded, as the operands of tensor cores must be.
Results<bf16> run_plainly(const Case& c) {
  const std::int64_t slices = c.shared_slice ? 1 : c.heads;
  const auto heads = [](test::Doubles data, const AttentionOperand& place) {
    return reference::Heads{std::move(data), place.batch_stride, place.token_stride,
                            place.head_stride};
  };
  const auto dense = [&](test::Doubles data, std::int64_t tokens, std::int64_t size) {
    return heads(std::move(data), operand(nullptr, tokens, c.heads, size));
  };
  const auto position = [&](test::Doubles data, std::int64_t tokens) {
    return heads(std::move(data), operand(nullptr, tokens, c.heads, c.pe, c.shared_slice));
  };
  const auto given = [](std::int64_t count, std::uint64_t seed) {
    return test::to_double(test::random_vector<bf16>(count, seed));
  };
  const auto before = [&](std::int64_t count, std::uint64_t seed) {
    return c.write == Write::accumulate ? test::to_double(test::before<bf16>(c.write, count, seed))
                                        : test::Doubles(static_cast<std::size_t>(count));
  };
  const std::int64_t queries = c.batch * c.q_len * c.heads, keys = c.batch * c.kv_len * c.heads;
  const std::int64_t pe_q_size = c.pe_blocks * c.q_len * slices * c.pe,
                     pe_k_size = c.pe_blocks * c.kv_len * slices * c.pe;
  const std::vector<std::uint8_t> allowed = allowed_keys(c);
  reference::AttentionInputs in{
      .q = dense(given(queries * c.head, 1), c.q_len, c.head),
      .k = dense(given(keys * c.head, 2), c.kv_len, c.head),
      .v = dense(given(keys * c.value, 3), c.kv_len, c.value),
      .pe_q = position(given(pe_q_size, 5), c.q_len),
      .pe_k = position(given(pe_k_size, 6), c.kv_len),
      .key_mask = c.masked ? allowed.data() : nullptr,
      .rounded = [](double value) { return test::to_double(test::from_double<bf16>(value)); }};
  auto grad_out = dense(given(queries * c.value, 4), c.q_len, c.value),
       out = dense(test::Doubles(grad_out.data.size()), c.q_len, c.value);
  reference::AttentionInputs grad{.q = dense(before(queries * c.head, 11), c.q_len, c.head),
                                  .k = dense(before(keys * c.head, 12), c.kv_len, c.head),
                                  .v = dense(before(keys * c.value, 13), c.kv_len, c.value),
                                  .pe_q = position(before(pe_q_size, 14), c.q_len),
                                  .pe_k = position(before(pe_k_size, 15), c.kv_len)};
  test::Doubles lse(static_cast<std::size_t>(queries));
  reference::attention_forward(shape_of(c), in, out, lse);
  reference::attention_backward(shape_of(c), in, grad_out, grad);
  return {as<bf16>(out.data),      as<float>(lse),        as<bf16>(grad.q.data),
          as<bf16>(grad.k.data),   as<bf16>(grad.v.data), as<bf16>(grad.pe_q.data),
          as<bf16>(grad.pe_k.data)};
}

/// The device may err at most twice as much as the peer, in each result.
template <typename T, std::size_t kCount, typename Peer>
void expect_as_good_as(const Peer& run_peer, const Case (&cases)[kCount]) {
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << "case " << number++);
    const auto exact = run<double, test::HostArray, T>(test::kCpu, c);
    const Results<T> peer = run_peer(c);
    test::under_every_schedule([&] {
      const auto device = run<T, test::DeviceArray, T>(test::kCuda, c);
      test::expect_as_good(device.out, peer.out, exact.out, "out");
      for (std::size_t i = 0; i < exact.lse.size(); ++i) {
        if (std::isinf(exact.lse[i])) {
          EXPECT_EQ(device.lse[i], -INFINITY) << i;
        } else {
          EXPECT_NEAR(device.lse[i], exact.lse[i], 1e-5) << i;
        }
      }
      test::expect_as_good(device.grad_q, peer.grad_q, exact.grad_q, "grad_q");
      test::expect_as_good(device.grad_k, peer.grad_k, exact.grad_k, "grad_k");
      test::expect_as_good(device.grad_v, peer.grad_v, exact.grad_v, "grad_v");
      test::expect_as_good(device.grad_pe_q, peer.grad_pe_q, exact.grad_pe_q, "grad_pe_q");
      test::expect_as_good(device.grad_pe_k, peer.grad_pe_k, exact.grad_pe_k, "grad_pe_k");
    });
  }
}

TYPED_TEST(AttentionCuda, AsGoodAsTheCpu) {
  using T = TypeParam;
  expect_as_good_as<T>([](const Case& c) { return run<T, test::HostArray, T>(test::kCpu, c); },
                       kCases);
}

TEST(AttentionCudaTensorCores, AsGoodAsAPlainComputation) {
  expect_as_good_as<bf16>(run_plainly, kTensorCoreCases);
}

/// Products beyond float32's range: the only key's logit is -inf, so the query attends to nothing.
TYPED_TEST(AttentionCuda, ARowOfLogitsAtMinusInfinityHasNoGradient) {
  using T = TypeParam;
  const auto device = [](float value) {
    return test::DeviceArray<T>({test::from_double<T>(static_cast<double>(value))});
  };
  const auto q = device(-3e38f), k = device(3e38f), v = device(2.0f), out = device(0.0f),
             grad_out = device(1.0f);
  const auto grad_q = device(NAN), grad_k = device(NAN), grad_v = device(NAN);
  const test::DeviceArray<float> lse({NAN});
  const AttentionShape shape{.batch = 1, .q_len = 1, .kv_len = 1, .head_size = 1, .value_size = 1};
  AttentionForwardArgs forward{.dtype = dtype_of<T>, .shape = shape};
  forward.out = output(out.data(), 1, 1, 1, Write::overwrite);
  forward.lse = lse.data();
  forward.q = operand(q.data(), 1, 1, 1);
  forward.k = operand(k.data(), 1, 1, 1);
  forward.v = operand(v.data(), 1, 1, 1);
  attention_forward(test::kCuda, forward);
  EXPECT_EQ(lse.read()[0], -INFINITY);
  AttentionBackwardArgs backward{.dtype = dtype_of<T>, .shape = shape};
  backward.grad_q = output(grad_q.data(), 1, 1, 1, Write::overwrite);
  backward.grad_k = output(grad_k.data(), 1, 1, 1, Write::overwrite);
  backward.grad_v = output(grad_v.data(), 1, 1, 1, Write::overwrite);
  backward.grad_out = operand(grad_out.data(), 1, 1, 1);
  backward.out = operand(out.data(), 1, 1, 1);
  backward.lse = lse.data();
  backward.q = forward.q;
  backward.k = forward.k;
  backward.v = forward.v;
  attention_backward(test::kCuda, backward);
  for (const auto* result : {&out, &grad_q, &grad_k, &grad_v})
    EXPECT_EQ(test::to_double(result->read()[0]), 0.0);
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
