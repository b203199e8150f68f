#include "models/seqpe/losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/ops/rows.h"
#include "models/seqpe/encoder.h"
#include "tests/support/directional_check.h"
#include "tests/support/gradient_check.h"
#include "tests/support/modules.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::models {
namespace {

constexpr std::int64_t kHeads = 2, kWidth = 6;

/// Elements [begin, begin + count) of two rows multiplied and summed.
double dot(const Tensor& a, std::int64_t i, const Tensor& b, std::int64_t j, std::int64_t begin,
           std::int64_t count) {
  double sum = 0;
  for (std::int64_t c = begin; c < begin + count; ++c)
    sum += a.data_as<double>()[i * kWidth + c] * b.data_as<double>()[j * kWidth + c];
  return sum;
}

std::vector<double> log_softmax(std::vector<double> row) {
  double sum = 0;
  for (const double x : row) sum += std::exp(x);
  for (double& x : row) x -= std::log(sum);
  return row;
}

// ---- Contrastive

TEST(ContrastiveLoss, HandValue) {
  // Logits 3 and 1, label 1: log(1 + e^2). With scale 0.5: log(1 + e).
  const Tensor pivot = Tensor::from<double>({1, 2}, {1, 2}),
               candidates = Tensor::from<double>({2, 2}, {1, 1, -1, 1}),
               label = repeated_labels({1}, 1);
  EXPECT_NEAR(contrastive_loss(pivot, candidates, label, 1.0).item(), std::log(1 + std::exp(2.0)),
              1e-14);
  EXPECT_NEAR(contrastive_loss(pivot, candidates, label, 0.5).item(), std::log(1 + std::exp(1.0)),
              1e-14);
  // Per head the logits are (1, -1) and (2, 2).
  EXPECT_NEAR(contrastive_loss(pivot, candidates, repeated_labels({1}, 2), 1.0).item(),
              (std::log(1 + std::exp(2.0)) + std::log(2.0)) / 2, 1e-14);
}

struct Contrastive {
  std::int64_t count = 3, num = 4;
  Tensor pivots = test::random_tensor({count, kWidth}, 1, DType::f64, -2, 2),
         candidates = test::random_tensor({count * num, kWidth}, 2, DType::f64, -2, 2), labels;

  /// For each slice.
  explicit Contrastive(std::int64_t slices = 1) : labels(repeated_labels({0, 3, 1}, slices)) {}
};

TEST(ContrastiveLoss, IsItsDefinition) {
  for (const std::int64_t slices : {std::int64_t{1}, kHeads}) {
    const Contrastive in(slices);
    const std::int64_t slice = kWidth / slices;
    double expected = 0;
    for (std::int64_t p = 0; p < in.count; ++p) {
      for (std::int64_t s = 0; s < slices; ++s) {
        std::vector<double> logits;
        for (std::int64_t n = 0; n < in.num; ++n)
          logits.push_back(0.7 *
                           dot(in.pivots, p, in.candidates, p * in.num + n, s * slice, slice));
        const auto label = static_cast<std::size_t>(in.labels.data_as<std::int64_t>()[p * slices]);
        expected -= log_softmax(logits)[label] / static_cast<double>(in.count * slices);
      }
    }
    EXPECT_NEAR(contrastive_loss(in.pivots, in.candidates, in.labels, 0.7).item(), expected, 1e-13);
  }
}

TEST(ContrastiveLoss, Gradients) {
  for (const std::int64_t slices : {std::int64_t{1}, kHeads}) {
    const Contrastive in(slices);
    test::expect_gradients_match(
        [&](const std::vector<Tensor>& inputs) {
          return contrastive_loss(inputs[0], inputs[1], in.labels, 0.7);
        },
        {in.pivots, in.candidates});
  }
}

TEST(ContrastiveLoss, Errors) {
  const Contrastive in;
  test::expect_error(
      [&] { contrastive_loss(in.pivots, in.candidates.rows(0, 11), in.labels, 1.0); },
      "[contrastive_loss] candidates must have shape [3 * num, 6] for the pivots, got [11, 6].");
  test::expect_error(
      [&] {
        contrastive_loss(in.pivots, in.candidates.view({24, 3}), in.labels, 1.0);
      },
      "[contrastive_loss] candidates must have shape [3 * num, 6] for the pivots, got [24, 3].");
  test::expect_error(
      [&] { contrastive_loss(in.pivots, in.candidates, in.labels.view({3}), 1.0); },
      "[contrastive_loss] labels must have shape [3, slices] for the pivots, got [3].");
}

// ---- Transfer

struct Transfer {
  std::int64_t starts = 2, count = 3, length = 5;
  Tensor main = test::random_tensor({length, kWidth}, 3, DType::f64, -1.5, 1.5),
         transfer = test::random_tensor({starts * count, kWidth}, 4, DType::f64, -1.5, 1.5),
         indices = Tensor::from<std::int64_t>({starts, count}, {4, 0, 2, 1, 3, 4});
};

std::vector<TransferOptions> transfer_options(double beta) {
  std::vector<TransferOptions> all;
  for (const TransferMetric metric : {TransferMetric::kl_div, TransferMetric::mse}) {
    for (const bool per_head : {false, true}) {
      all.push_back({.metric = metric, .beta = beta, .per_head = per_head, .logit_scale = 0.7});
    }
  }
  return all;
}

std::string describe(const TransferOptions& options) {
  return fmt::format("metric {}, per head {}, beta {}", static_cast<int>(options.metric),
                     options.per_head, options.beta);
}

Tensor loss_of(const Transfer& in, const TransferOptions& options) {
  return transfer_loss(in.main, in.transfer, in.indices, kHeads, options);
}

double transfer_by_definition(const Transfer& in, const TransferOptions& options) {
  const std::int64_t slices = options.per_head ? kHeads : 1, slice = kWidth / slices;
  const auto* indices = in.indices.data_as<std::int64_t>();
  double sum = 0;
  for (std::int64_t s = 0; s < in.starts; ++s) {
    for (std::int64_t h = 0; h < slices; ++h) {
      for (std::int64_t i = 0; i < in.count; ++i) {
        std::vector<double> teacher, student;
        for (std::int64_t j = 0; j < in.count; ++j) {
          teacher.push_back(options.logit_scale * dot(in.main, indices[s * in.count + i], in.main,
                                                      indices[s * in.count + j], h * slice, slice));
          student.push_back(options.logit_scale * dot(in.transfer, s * in.count + i, in.transfer,
                                                      s * in.count + j, h * slice, slice));
        }
        teacher = log_softmax(teacher);
        student = log_softmax(student);
        for (std::size_t j = 0; j < teacher.size(); ++j) {
          const double t = teacher[j], u = student[j];
          sum += options.metric == TransferMetric::mse
                     ? (t - u) * (t - u)
                     : std::exp(t) * (t - u) + std::exp(u) * (u - t);
        }
      }
    }
  }
  return sum / static_cast<double>(in.starts * slices * in.count * in.count);
}

TEST(TransferLoss, IsItsDefinition) {
  // Both sides have the same value, whatever beta is; only the gradients differ.
  const Transfer in;
  for (const double beta : {1.0, 0.8, 0.0}) {
    for (const TransferOptions& options : transfer_options(beta)) {
      EXPECT_NEAR(loss_of(in, options).item(), transfer_by_definition(in, options), 1e-13)
          << describe(options);
    }
  }
}

TEST(TransferLoss, IsZeroWhereTheGeometryIsEqual) {
  Transfer in;
  for (std::int64_t row = 0; row < in.starts * in.count; ++row) {
    const std::int64_t index = in.indices.data_as<std::int64_t>()[row];
    in.transfer.rows(row, row + 1).copy_from(in.main.rows(index, index + 1));
  }
  for (const TransferOptions& options : transfer_options(0.8)) {
    EXPECT_NEAR(loss_of(in, options).item(), 0.0, 1e-15) << describe(options);
  }
}

TEST(TransferLoss, GradientsOfTheSideThatLearns) {
  // beta 1: the student alone; beta 0: the teacher alone, and the value is the same function.
  for (const double beta : {1.0, 0.0}) {
    for (const TransferOptions& options : transfer_options(beta)) {
      SCOPED_TRACE(describe(options));
      Transfer in;
      test::expect_gradients_match(
          [&](const std::vector<Tensor>& inputs) {
            return beta == 1.0 ? transfer_loss(in.main, inputs[0], in.indices, kHeads, options)
                               : transfer_loss(inputs[0], in.transfer, in.indices, kHeads, options);
          },
          {beta == 1.0 ? in.transfer : in.main});
    }
  }
}

TEST(TransferLoss, BetaSharesTheGradientsOut) {
  const auto gradients = [](TransferOptions options, double beta) {
    options.beta = beta;
    Transfer in;
    in.main.set_requires_grad();
    in.transfer.set_requires_grad();
    autograd::backward(loss_of(in, options));
    return std::pair(in.main.grad(), in.transfer.grad());
  };
  for (const TransferOptions& options : transfer_options(0.0)) {
    SCOPED_TRACE(describe(options));
    const auto student_only = gradients(options, 1.0), teacher_only = gradients(options, 0.0),
               both = gradients(options, 0.8);
    EXPECT_FALSE(student_only.first.defined()) << "the teacher is detached";
    for (std::int64_t i = 0; i < both.first.numel(); ++i) {
      EXPECT_NEAR(both.first.data_as<double>()[i], 0.2 * teacher_only.first.data_as<double>()[i],
                  1e-14);
    }
    for (std::int64_t i = 0; i < both.second.numel(); ++i) {
      EXPECT_NEAR(both.second.data_as<double>()[i], 0.8 * student_only.second.data_as<double>()[i],
                  1e-14);
    }
  }
}

TEST(TransferLoss, Errors) {
  const Transfer in;
  const TransferOptions options;
  test::expect_error(
      [&] { transfer_loss(in.main, in.transfer.rows(0, 5), in.indices, kHeads, options); },
      "[transfer_loss] transfer must have shape [2 * 3, 6], got [5, 6].");
  test::expect_error(
      [&] {
        transfer_loss(in.main, in.transfer.view({6, 3, 2}), in.indices, kHeads, options);
      },
      "[transfer_loss] transfer must have shape [2 * 3, 6], got [6, 3, 2].");
}

// ---- Through the encoder, from one batched call

TEST(Losses, GradientsThroughTheEncoder) {
  SeqpeOptions options;
  options.base = 3;
  options.max_digits = 3;
  options.encoder.width = 4;
  options.encoder.heads = 2;
  options.encoder.dropout = {.residual = 0.2, .attention = 0.1};
  SeqpeEncoder encoder(options, kWidth, DType::f64);
  test::randomize(encoder);
  const nn::Pass pass{.training = true, .seed = 1, .step = 2};
  const Transfer constants;
  for (const bool per_head : {false, true}) {
    // [2 pivots | 2 * 3 candidates | 2 * 3 transfer positions]
    const auto losses = [&]() {
      const Tensor all = encoder.forward({1, 14, 0, 7, 9, 12, 20, 26, 4, 6, 7, 18, 21, 22}, pass);
      const Tensor contrastive =
          contrastive_loss(ops::slice_rows(all, 0, 2), ops::slice_rows(all, 2, 8),
                           repeated_labels({0, 2}, per_head ? kHeads : 1), 1.0);
      const Tensor transfer =
          transfer_loss(constants.main, ops::slice_rows(all, 8, 14), constants.indices, kHeads,
                        {.beta = 1.0, .per_head = per_head});
      return ops::concat_rows({contrastive.view({1}), transfer.view({1})});
    };
    test::expect_directional_gradients(losses, encoder.parameters(), 1e-6);
  }
}

}  // namespace
}  // namespace seqpe::models
