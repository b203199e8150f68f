#include "engine/ops/attention.h"

#include <algorithm>

#include "engine/ops/rows.h"
#include "tests/reference/attention.h"
#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using ops::AttentionOptions;
using ops::PositionPair;
using test::random_tensor;

/// `count` columns of x [batch, tokens, width] from `begin` on, a slice of `size` a head; those of
/// one slice are every head's. Token 0 is x's `token`.
reference::Heads columns(const Tensor& x, std::int64_t begin, std::int64_t count, std::int64_t size,
                         std::int64_t token = 0) {
  const std::int64_t tokens = x.dim(1) - token;
  reference::Heads heads{{}, tokens * count, count, count == size ? 0 : size};
  for (std::int64_t row = 0; row < x.dim(0) * tokens; ++row) {
    const std::int64_t from_row = row / tokens * x.dim(1) + token + row % tokens;
    const double* from = x.data_as<double>() + from_row * x.dim(2) + begin;
    heads.data.insert(heads.data.end(), from, from + count);
  }
  return heads;
}

/// The definition. q [B, Q, C], keys and values at columns of kv.
Tensor defined(const Tensor& q, const Tensor& kv, std::int64_t k_column, std::int64_t v_column,
               std::int64_t channels, const AttentionOptions& options,
               const PositionPair& position = {}) {
  const std::int64_t size = channels / options.heads;
  kernels::AttentionShape shape{.batch = q.dim(0),
                                .heads = options.heads,
                                .q_len = q.dim(1),
                                .kv_len = kv.dim(1),
                                .head_size = size,
                                .value_size = size,
                                .first_sequence = options.first_sequence,
                                .causal = options.causal,
                                .scale = 1.0 / std::sqrt(static_cast<double>(size)),
                                .pe_scale = options.pe_scale,
                                .dropout = options.dropout,
                                .first_query = options.first_query,
                                .queries = options.queries,
                                .dropout_key = options.dropout_key};
  reference::AttentionInputs in{.q = columns(q, 0, channels, size),
                                .k = columns(kv, k_column, channels, size),
                                .v = columns(kv, v_column, channels, size)};
  if (position.pe.defined()) {
    const std::int64_t width = position.width();
    shape.pe_size = position.slice(options.heads);
    shape.pe_blocks = position.pe.dim(0);
    in.pe_q = columns(position.pe, 0, width, shape.pe_size, options.first_query);
    in.pe_k = columns(position.pe, position.split ? width : 0, width, shape.pe_size);
  }
  if (options.key_mask.defined()) in.key_mask = options.key_mask.data_as<std::uint8_t>();
  const Tensor out = Tensor::zeros({shape.batch, shape.q_len, channels}, DType::f64);
  reference::Heads values{test::Doubles(static_cast<std::size_t>(out.numel())),
                          shape.q_len * channels, channels, size};
  test::Doubles lse(static_cast<std::size_t>(shape.batch * shape.heads * shape.q_len));
  reference::attention_forward(shape, in, values, lse);
  std::copy(values.data.begin(), values.data.end(), out.data_as<double>());
  return out;
}

/// 1 where key j of sequence b may be attended to: all but every third, and none in the last
/// sequence.
Tensor some_keys(std::int64_t batch, std::int64_t tokens) {
  std::vector<std::uint8_t> mask;
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t t = 0; t < tokens; ++t) mask.push_back(b + 1 < batch && (b + t) % 3 != 0);
  }
  return Tensor::from<std::uint8_t>({batch, tokens}, mask);
}

constexpr PhiloxKey kKey{.seed = 11, .stream = 5, .step = 2};

struct SelfCase {
  const char* name;
  std::int64_t batch, tokens, size;
  AttentionOptions options;
  std::int64_t blocks = 0, slice = 0;  // of positions; 0: none
  bool split = true, shared = false;
};

const SelfCase kSelfCases[] = {
    {"one element", 1, 1, 1, {}},
    {"plain", 2, 5, 3, {.heads = 1}},
    {"heads", 2, 5, 3, {.heads = 3}},
    {"causal", 2, 5, 3, {.heads = 2, .causal = true}},
    {"key mask", 3, 5, 3, {.heads = 2, .key_mask = some_keys(3, 5)}},
    {"causal, key mask", 3, 7, 2, {.causal = true, .key_mask = some_keys(3, 7)}},
    {"dropout", 2, 5, 3, {.heads = 2, .dropout = 0.4, .dropout_key = kKey}},
    {"dropout of later sequences",
     2,
     5,
     3,
     {.heads = 2, .causal = true, .dropout = 0.4, .dropout_key = kKey, .first_sequence = 7}},
    {"positions, split", 2, 5, 3, {.heads = 2}, 2, 3},
    {"positions of another width", 2, 4, 2, {.heads = 2, .pe_scale = 0.7}, 2, 5},
    {"positions, the same for queries and keys", 2, 5, 3, {.heads = 2}, 2, 3, false},
    {"positions, shared by heads", 2, 5, 3, {.heads = 3, .pe_scale = -1.3}, 2, 2, true, true},
    {"positions, shared by all", 2, 5, 3, {.heads = 3, .pe_scale = 2}, 2, 2, false, true},
    {"one block for every sequence", 3, 4, 2, {.heads = 2}, 1, 2},
    {"blocks wrap", 5, 3, 2, {.heads = 2}, 3, 2},
    {"blocks wrap from sequence 4", 4, 3, 2, {.heads = 2, .first_sequence = 4}, 3, 2, false},
    {"more blocks than sequences", 2, 3, 2, {.heads = 2, .first_sequence = 3}, 4, 2},
    {"everything",
     3,
     5,
     3,
     {.heads = 2,
      .causal = true,
      .pe_scale = 0.5,
      .dropout = 0.3,
      .dropout_key = kKey,
      .first_sequence = 1,
      .key_mask = some_keys(3, 5)},
     2,
     3,
     false,
     true},
    // One key more than a tile of keys, and more queries than a tile of queries.
    {"tiles", 2, 113, 1, {.causal = true, .key_mask = some_keys(2, 113)}, 1, 1},
    {"tiles, dropout", 1, 113, 1, {.dropout = 0.5, .dropout_key = kKey}},
    {"large heads", 1, 3, 130, {}, 1, 33},
    {"no sequences", 0, 3, 2, {.heads = 2}, 1, 2},
    {"no tokens", 2, 0, 2, {.heads = 2}, 1, 2},
};

/// Positions [blocks, tokens, width] as the next input; none without blocks.
template <typename Case>
void add_positions(test::OpCase& op, const Case& of) {
  if (of.blocks == 0) return;
  const std::int64_t width = of.slice * (of.shared ? 1 : of.options.heads) * (of.split ? 2 : 1);
  op.inputs.push_back(random_tensor({of.blocks, of.tokens, width}, 3));
}

/// Input `place` of a case, if it has positions.
template <typename Case>
PositionPair positions(const std::vector<Tensor>& in, std::size_t place, const Case& of) {
  if (of.blocks == 0) return {};
  return {in[place], of.split, of.shared};
}

/// The inputs [qkv] or [qkv, pe].
test::OpCase self_attention(const SelfCase& self) {
  const std::int64_t heads = self.options.heads, channels = heads * self.size;
  test::OpCase op;
  op.name = self.name;
  op.inputs = {random_tensor({self.batch, self.tokens, 3 * channels}, 1)};
  add_positions(op, self);
  op.f = [self](const std::vector<Tensor>& in) {
    return ops::attention(in[0], self.options, positions(in, 1, self));
  };
  // The gradient of a position that all heads and sequences share is the longest sum.
  op.terms = static_cast<double>(std::max<std::int64_t>(self.tokens, 1) *
                                 std::max<std::int64_t>(self.batch, 1) * heads);
  op.roundings = 3;  // of the output, which backward reads again
  return op;
}

TEST(AttentionOp, HandComputed) {
  // Logits 0 and ln 3 (after the scale 1 / sqrt(1)): weights 1/4 and 3/4. The first query is 0.
  const double ln3 = std::log(3.0);
  const Tensor qkv = Tensor::from<double>({1, 2, 3}, {0, 0, 8, 1, ln3, 16});
  test::expect_values(ops::attention(qkv, {}), {1, 2, 1}, {12, 14}, 1e-14);
  test::expect_values(ops::attention(qkv, {.causal = true}), {1, 2, 1}, {8, 14}, 1e-14);
  // Positions alone: pe_q . pe_k times lambda 1/2 is 2 ln 3 / 2 for the second key.
  const Tensor still = Tensor::from<double>({1, 2, 3}, {0, 0, 8, 0, 0, 16});
  const Tensor pe = Tensor::from<double>({1, 2, 2}, {1, 0, 1, 2 * ln3});
  test::expect_values(ops::attention(still, {.pe_scale = 0.5}, {pe}), {1, 2, 1}, {14, 14}, 1e-14);
  // A head of four channels: the scale is 1/2.
  const Tensor wide = Tensor::from<double>({1, 1, 4}, {1, 1, 1, 1});
  const Tensor kv =
      Tensor::from<double>({1, 2, 8}, {0, 0, 0, 0, 0, 4, 8, 12, 2 * ln3, 0, 0, 0, 4, 8, 12, 16});
  test::expect_values(ops::attention(wide, kv, {}), {1, 1, 4}, {3, 7, 11, 15}, 1e-14);
}

TEST(AttentionOp, SelfFormIsSound) {
  for (const SelfCase& self : kSelfCases) test::expect_sound(self_attention(self));
}

TEST(AttentionOp, SelfFormEqualsItsDefinition) {
  for (const SelfCase& self : kSelfCases) {
    const test::OpCase op = self_attention(self);
    const Tensor& qkv = op.inputs[0];
    const std::int64_t channels = qkv.dim(2) / 3;
    test::expect_close(op.f(op.inputs),
                       defined(qkv, qkv, channels, 2 * channels, channels, self.options,
                               positions(op.inputs, 1, self)),
                       op, DType::f64, self.name);
  }
}

TEST(AttentionOp, OneTokenIsThatOfTheWholeSequence) {
  for (const SelfCase& self : kSelfCases) {
    if (self.tokens == 0) continue;
    const std::int64_t token = self.options.causal ? self.tokens - 1 : self.tokens / 2;
    const test::OpCase whole = self_attention(self);
    test::OpCase op = whole;
    op.f = [token, self](const std::vector<Tensor>& in) {
      return ops::attention_of_token(in[0], token, self.options, positions(in, 1, self));
    };
    test::expect_sound(op);
    test::expect_close(op.f(op.inputs), ops::take_token(whole.f(whole.inputs), token), op,
                       DType::f64, self.name);
  }
}

struct CrossCase {
  const char* name;
  std::int64_t batch, queries, tokens, size;
  AttentionOptions options;
  std::int64_t blocks = 0, slice = 0;  // of positions; 0: none
  bool split = true, shared = false;
};

const CrossCase kCrossCases[] = {
    {"one query", 2, 1, 4, 3, {.heads = 2}},
    {"fewer queries", 2, 3, 5, 2, {.heads = 3}},
    {"as many queries", 2, 4, 4, 1, {}},
    {"causal from the end", 2, 3, 5, 2, {.heads = 2, .causal = true}},
    {"key mask", 3, 2, 7, 2, {.heads = 2, .key_mask = some_keys(3, 7)}},
    {"dropout", 2, 2, 5, 3, {.heads = 2, .dropout = 0.4, .dropout_key = kKey, .first_sequence = 3}},
    {"a tile and one key", 1, 2, 113, 1, {.causal = true}},
    {"positions of the first queries", 2, 2, 5, 3, {.heads = 2}, 2, 3},
    {"positions of one query", 2, 1, 4, 3, {.heads = 2, .first_query = 2, .queries = 4}, 2, 3},
    {"positions, the same for queries and keys",
     2,
     2,
     5,
     2,
     {.heads = 2, .pe_scale = 0.7, .first_query = 1, .queries = 5},
     2,
     3,
     false},
    {"positions, shared by heads",
     3,
     2,
     5,
     2,
     {.heads = 3, .first_sequence = 1, .first_query = 3, .queries = 5},
     2,
     2,
     true,
     true},
    {"positions, causal, dropout",
     2,
     3,
     5,
     2,
     {.heads = 2,
      .causal = true,
      .dropout = 0.4,
      .dropout_key = kKey,
      .first_query = 2,
      .queries = 5},
     1,
     2},
    {"no sequences", 0, 2, 3, 1, {}},
    {"no queries", 2, 0, 3, 1, {}},
};

test::OpCase cross_attention(const CrossCase& cross) {
  const std::int64_t channels = cross.options.heads * cross.size;
  test::OpCase op;
  op.name = cross.name;
  op.inputs = {random_tensor({cross.batch, cross.queries, channels}, 1),
               random_tensor({cross.batch, cross.tokens, 2 * channels}, 2)};
  add_positions(op, cross);
  op.f = [cross](const std::vector<Tensor>& in) {
    return ops::attention(in[0], in[1], cross.options, positions(in, 2, cross));
  };
  op.terms = static_cast<double>(cross.tokens * (cross.blocks > 0 ? cross.batch : 1) *
                                 (cross.shared ? cross.options.heads : 1));
  op.roundings = 3;
  return op;
}

TEST(AttentionOp, CrossFormIsSound) {
  for (const CrossCase& cross : kCrossCases) test::expect_sound(cross_attention(cross));
}

TEST(AttentionOp, CrossFormEqualsItsDefinition) {
  for (const CrossCase& cross : kCrossCases) {
    const test::OpCase op = cross_attention(cross);
    const Tensor &q = op.inputs[0], &kv = op.inputs[1];
    test::expect_close(
        op.f(op.inputs),
        defined(q, kv, 0, q.dim(2), q.dim(2), cross.options, positions(op.inputs, 2, cross)), op,
        DType::f64, cross.name);
  }
}

TEST(AttentionOp, MicroBatchesGiveTheWholeBatch) {
  AttentionOptions options{.heads = 2, .causal = true, .dropout = 0.4, .dropout_key = kKey};
  const Tensor qkv = random_tensor({5, 4, 12}, 1), pe = random_tensor({3, 4, 8}, 2);
  const Tensor whole = ops::attention(qkv, options, {pe});
  for (const std::int64_t sequence : {0, 1, 2, 3, 4}) {
    options.first_sequence = sequence;
    EXPECT_TRUE(test::same_bits(ops::attention(qkv.rows(sequence, sequence + 1), options, {pe}),
                                whole.rows(sequence, sequence + 1)))
        << "sequence " << sequence;
  }
}

TEST(AttentionOp, LargeLogitsDoNotOverflow) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    const Tensor qkv = Tensor::from<double>({1, 2, 3}, {100, 100, 1, -100, -100, 3}).to(dtype);
    test::expect_values(ops::attention(qkv, {}), {1, 2, 1}, {1, 3});
  }
}

TEST(AttentionOp, Errors) {
  const Tensor qkv = Tensor::zeros({2, 4, 12}), q = Tensor::zeros({2, 3, 4}),
               kv = Tensor::zeros({2, 5, 8});
  const auto self = [](const Tensor& x, const AttentionOptions& options,
                       const PositionPair& position = {}) {
    return [=] { ops::attention(x, options, position); };
  };
  const auto cross = [](const Tensor& a, const Tensor& b, const AttentionOptions& options,
                        const PositionPair& position = {}) {
    return [=] { ops::attention(a, b, options, position); };
  };
  const Tensor integers = Tensor::from<std::int64_t>({1, 1, 3}, {0, 0, 0});
  test::expect_refused({
      {self({}, {}), "[attention] qkv must be a tensor, got an undefined one."},
      {self(integers, {}), "[attention] qkv must be f32, f64 or bf16, got i64."},
      {self(Tensor::zeros({4, 12}), {.heads = 2}),
       "[attention] qkv must have shape [B, T, 3 * 2 heads * D], got [4, 12]."},
      {self(qkv, {.heads = 3}),
       "[attention] qkv must have shape [B, T, 3 * 3 heads * D], got [2, 4, 12]."},
      {self(qkv, {.heads = 0}),
       "[attention] qkv must have shape [B, T, 3 * 0 heads * D], got [2, 4, 12]."},
      {self(qkv, {}, {integers}), "[attention] pe must be f32, f64 or bf16, got i64."},
      {self(qkv, {}, {Tensor::zeros({1, 4, 2}, DType::f64)}),
       "[attention] pe must be f32 on cpu like qkv, got f64 on cpu."},
      {self(qkv, {}, {Tensor::zeros({1, 5, 2})}),
       "[attention] pe must have shape [blocks, 4, width] (tokens of qkv), got [1, 5, 2]."},
      {self(qkv, {}, {Tensor::zeros({0, 4, 2})}),
       "[attention] pe must have shape [blocks, 4, width] (tokens of qkv), got [0, 4, 2]."},
      {self(qkv, {}, {Tensor::zeros({4, 2})}),
       "[attention] pe must have shape [blocks, 4, width] (tokens of qkv), got [4, 2]."},
      {self(qkv, {.heads = 2}, {Tensor::zeros({1, 4, 6})}),
       "[attention] the width of pe must be a multiple of 4 slices, got 6."},
      {self(qkv, {.heads = 2}, {Tensor::zeros({1, 4, 3}), false}),
       "[attention] the width of pe must be a multiple of 2 slices, got 3."},
      {self(qkv, {.heads = 2}, {Tensor::zeros({1, 4, 3}), true, true}),
       "[attention] the width of pe must be a multiple of 2 slices, got 3."},
      {self(qkv, {.dropout = 1.0}), "[attention] dropout must lie in [0, 1), got 1."},
      {self(qkv, {.dropout = -0.5}), "[attention] dropout must lie in [0, 1), got -0.5."},
      {self(qkv, {.first_query = 1}),
       "[attention] queries [1, 5) must lie in [0, 4) (AttentionOptions::queries)."},
      {self(qkv, {.first_query = 5, .queries = 8}),
       "[attention] queries [5, 9) must lie in [0, 8) (AttentionOptions::queries)."},
      {self(qkv, {.causal = true, .first_query = 1, .queries = 8}),
       "[attention] causal queries must be the last of 8, got [1, 5)."},
      {[=] { ops::attention_of_token(qkv, 4, {}); },
       "[attention] token must lie in [0, 4), got 4."},
      {[=] { ops::attention_of_token(qkv, -1, {}); },
       "[attention] token must lie in [0, 4), got -1."},
      {[=] { ops::attention_of_token(qkv, 2, {.first_query = 1, .queries = 8}); },
       "[attention] first_query and queries must be 0, they are the token's, got 1 and 8."},
      {[=] { ops::attention_of_token(qkv, 2, {.causal = true}); },
       "[attention] causal queries must be the last of 4, got [2, 3)."},
      {self(qkv, {.key_mask = Tensor::from<std::uint8_t>({4}, {1, 1, 1, 1})}),
       "[attention] key_mask must have shape [2, 4] ([B, T]), got [4]."},
      {self(qkv, {.key_mask = Tensor::zeros({2, 4})}), "[attention] key_mask must be u8, got f32."},
      {cross(q, kv, {}, {Tensor::zeros({1, 3, 4})}),
       "[attention] pe must have shape [blocks, 5, width] (tokens of kv), got [1, 3, 4]."},
      {cross(q, kv, {.first_query = 3, .queries = 8}, {Tensor::zeros({1, 5, 4})}),
       "[attention] queries [3, 6) must lie in 5 tokens for their positions "
       "(AttentionOptions::first_query)."},
      {cross(q, kv, {.causal = true}, {Tensor::zeros({1, 5, 4})}),
       "[attention] queries [0, 3) must be the last of 5 tokens for their positions "
       "(AttentionOptions::first_query)."},
      {cross({}, kv, {}), "[attention] q must be a tensor, got an undefined one."},
      {cross(q, {}, {}), "[attention] kv must be a tensor, got an undefined one."},
      {cross(q, kv.to(DType::f64), {}),
       "[attention] kv must be f32 on cpu like q, got f64 on cpu."},
      {cross(q, kv, {.heads = 3}),
       "[attention] q must have shape [B, Q, 3 heads * D], got [2, 3, 4]."},
      {cross(q, Tensor::zeros({2, 5, 4}), {}),
       "[attention] kv must have shape [2, at least 3, 8] for q [2, 3, 4], got [2, 5, 4]."},
      {cross(q, Tensor::zeros({2, 2, 8}), {}),
       "[attention] kv must have shape [2, at least 3, 8] for q [2, 3, 4], got [2, 2, 8]."},
      {cross(q, Tensor::zeros({3, 5, 8}), {}),
       "[attention] kv must have shape [2, at least 3, 8] for q [2, 3, 4], got [3, 5, 8]."},
      {cross(q, kv, {.key_mask = Tensor::from<std::uint8_t>({1, 5}, {1, 1, 1, 1, 1})}),
       "[attention] key_mask must have shape [2, 5] ([B, T]), got [1, 5]."},
  });
}

}  // namespace
}  // namespace seqpe
