#include "engine/ops/position.h"

#include "tests/support/op_check.h"

namespace seqpe {
namespace {

using ops::PositionAct;
using ops::PositionPair;
using test::random_tensor;

constexpr PositionAct kActs[] = {PositionAct::add, PositionAct::multiply, PositionAct::rotate};
constexpr const char* kActNames[] = {"add", "multiply", "rotate"};

struct PositionCase {
  const char* name;
  std::int64_t batch, tokens, heads, size, blocks;
  bool split, shared;
  std::int64_t first_sequence;
};

constexpr PositionCase kCases[] = {
    {"one element", 1, 1, 1, 1, 1, true, false, 0},
    {"split", 2, 3, 2, 3, 2, true, false, 0},
    {"the same for queries and keys", 2, 3, 2, 3, 2, false, false, 0},
    {"split, shared by heads", 2, 3, 3, 2, 2, true, true, 0},
    {"shared by all", 2, 3, 3, 2, 2, false, true, 0},
    {"one block for every sequence", 3, 2, 2, 5, 1, true, false, 0},
    {"blocks wrap from sequence 4", 4, 2, 2, 3, 3, true, true, 4},
    {"more blocks than sequences", 2, 2, 1, 3, 4, false, false, 3},
    {"more tokens than a chunk of rows", 2, 9, 1, 1, 2, true, false, 1},
    {"pairs", 2, 3, 2, 4, 1, true, false, 0},
    {"no sequences", 0, 3, 2, 2, 1, true, false, 0},
    {"no tokens", 2, 0, 2, 2, 1, true, false, 0},
};

test::OpCase position_case(const PositionCase& sizes, PositionAct act) {
  test::OpCase op;
  op.name = fmt::format("{}, {}", sizes.name, kActNames[static_cast<int>(act)]);
  const std::int64_t channels = sizes.heads * sizes.size;
  const std::int64_t width = (sizes.shared ? sizes.size : channels) * (sizes.split ? 2 : 1);
  op.inputs = {random_tensor({sizes.batch, sizes.tokens, 3 * channels}, 1),
               random_tensor({sizes.blocks, sizes.tokens, width}, 2)};
  op.f = [=](const std::vector<Tensor>& in) {
    return ops::act_on_queries_and_keys(in[0], {in[1], sizes.split, sizes.shared}, sizes.heads, act,
                                        sizes.first_sequence);
  };
  op.terms = static_cast<double>(2 * (sizes.batch + 1) * sizes.heads);
  return op;
}

TEST(PositionOp, HandComputed) {
  // Two heads of one channel, two sequences of one token: [q q k k v v].
  const Tensor qkv = Tensor::from<double>({2, 1, 6}, {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60});
  const auto act = [&](const PositionPair& position, PositionAct how, std::int64_t first) {
    return ops::act_on_queries_and_keys(qkv, position, 2, how, first);
  };
  const Shape shape{2, 1, 6};
  const Tensor split = Tensor::from<double>({1, 1, 4}, {1, 2, 3, 4});
  test::expect_values(act({split}, PositionAct::add, 0), shape,
                      {2, 4, 6, 8, 5, 6, 11, 22, 33, 44, 50, 60});
  test::expect_values(act({split}, PositionAct::multiply, 0), shape,
                      {1, 4, 9, 16, 5, 6, 10, 40, 90, 160, 50, 60});
  const Tensor both = Tensor::from<double>({1, 1, 2}, {1, 2});
  test::expect_values(act({both, false}, PositionAct::add, 0), shape,
                      {2, 4, 4, 6, 5, 6, 11, 22, 31, 42, 50, 60});
  test::expect_values(act({both, true, true}, PositionAct::add, 0), shape,
                      {2, 3, 5, 6, 5, 6, 11, 21, 32, 42, 50, 60});
  // A quarter turn and a half turn: the sine, then the cosine.
  const Tensor turns = Tensor::from<double>({2, 1, 2}, {1, 0, 0, -1});
  test::expect_values(act({turns, false}, PositionAct::rotate, 0), shape,
                      {-2, 1, -4, 3, 5, 6, -10, -20, -30, -40, 50, 60});
  test::expect_values(
      act({Tensor::from<double>({1, 1, 4}, {1, 0, 0, 1}), true}, PositionAct::rotate, 0), shape,
      {-2, 1, 3, 4, 5, 6, -20, 10, 30, 40, 50, 60});
  // Three blocks: sequences 0 and 1 are numbers 5 and 6 of the batch, which use blocks 2 and 0.
  const Tensor blocks = Tensor::from<double>({3, 1, 1}, {100, 200, 300});
  test::expect_values(act({blocks, false, true}, PositionAct::add, 5), shape,
                      {301, 302, 303, 304, 5, 6, 110, 120, 130, 140, 50, 60});
}

TEST(PositionOp, Sound) {
  for (const PositionAct act : kActs) {
    for (const PositionCase& sizes : kCases) {
      const std::int64_t slice = sizes.shared ? sizes.size : sizes.heads * sizes.size;
      if (act == PositionAct::rotate && slice % 2 != 0) continue;
      test::expect_sound(position_case(sizes, act));
    }
  }
}

TEST(PositionOp, Errors) {
  const Tensor qkv = Tensor::zeros({2, 4, 12});
  const auto call = [](const Tensor& x, const PositionPair& position, std::int64_t heads = 2) {
    return [=] { ops::act_on_queries_and_keys(x, position, heads, PositionAct::add, 0); };
  };
  const Tensor pe = Tensor::zeros({1, 4, 8});
  const auto rotate = [&] {
    ops::act_on_queries_and_keys(Tensor::zeros({2, 4, 9}), {Tensor::zeros({1, 4, 1}), false, true},
                                 3, PositionAct::rotate, 0);
  };
  test::expect_refused({
      {rotate, "[position] a slice of pe that rotates must have an even width, got 1."},
      {call({}, {pe}), "[position] qkv must be a tensor, got an undefined one."},
      {call(qkv, {}), "[position] pe must be a tensor, got an undefined one."},
      {call(Tensor::from<std::int64_t>({1, 1, 3}, {0, 0, 0}), {pe}),
       "[position] qkv must be f32, f64 or bf16, got i64."},
      {call(qkv, {pe.to(DType::f64)}),
       "[position] pe must be f32 on cpu like qkv, got f64 on cpu."},
      {call(Tensor::zeros({4, 12}), {pe}),
       "[position] qkv must have shape [B, T, 3 * 2 heads * D], got [4, 12]."},
      {call(qkv, {pe}, 3),
       "[position] qkv must have shape [B, T, 3 * 3 heads * D], got [2, 4, 12]."},
      {call(qkv, {pe}, 0),
       "[position] qkv must have shape [B, T, 3 * 0 heads * D], got [2, 4, 12]."},
      {call(qkv, {Tensor::zeros({1, 5, 8})}),
       "[position] pe must have shape [blocks, 4, 8] (tokens, width of q and k), got [1, 5, 8]."},
      {call(qkv, {Tensor::zeros({1, 4, 4})}),
       "[position] pe must have shape [blocks, 4, 8] (tokens, width of q and k), got [1, 4, 4]."},
      {call(qkv, {pe, false}),
       "[position] pe must have shape [blocks, 4, 4] (tokens, width of q and k), got [1, 4, 8]."},
      {call(qkv, {pe, true, true}),
       "[position] pe must have shape [blocks, 4, 4] (tokens, width of q and k), got [1, 4, 8]."},
      {call(qkv, {Tensor::zeros({0, 4, 8})}),
       "[position] pe must have shape [blocks, 4, 8] (tokens, width of q and k), got [0, 4, 8]."},
      {call(qkv, {Tensor::zeros({})}),
       "[position] pe must have shape [blocks, 4, 8] (tokens, width of q and k), got []."},
  });
}

}  // namespace
}  // namespace seqpe
