// Scaled dot-product attention and its gradients as they are defined, with all weights in memory.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>

#include "kernels/attention.h"
#include "tests/reference/dropout.h"
#include "tests/support/kernel_test.h"

namespace seqpe::reference {

/// [batch, tokens, heads, size] with strides.
struct Heads {
  test::Doubles data;
  std::int64_t batch_stride = 0, token_stride = 0, head_stride = 0;

  double* row(std::int64_t b, std::int64_t t, std::int64_t h) {
    return data.data() + b * batch_stride + t * token_stride + h * head_stride;
  }
};

struct AttentionInputs {
  Heads q, k, v, pe_q, pe_k;
  const std::uint8_t* key_mask = nullptr;
  /// Of logits, weights and their gradients, as where they are tensors of a narrow type.
  double (*rounded)(double) = [](double value) { return value; };
  /// What dropout multiplies the weight of an element with; none: by the engine's masks.
  std::function<double(std::uint64_t)> keep;
};

/// The weights of one query before dropout, and what dropout multiplies them with.
struct AttentionRow {
  test::Doubles weights, keep;
  double lse = -std::numeric_limits<double>::infinity();
};

inline double dot(const double* a, const double* b, std::int64_t count) {
  double sum = 0;
  for (std::int64_t c = 0; c < count; ++c) sum += a[c] * b[c];
  return sum;
}

inline void add_scaled(double* out, double factor, const double* x, std::int64_t count) {
  for (std::int64_t c = 0; c < count; ++c) out[c] += factor * x[c];
}

inline AttentionRow attention_row(const kernels::AttentionShape& shape, AttentionInputs& in,
                                  std::int64_t b, std::int64_t h, std::int64_t i) {
  const std::int64_t block = (shape.first_sequence + b) % shape.pe_blocks;
  const auto count = static_cast<std::size_t>(shape.kv_len);
  AttentionRow row{test::Doubles(count), test::Doubles(count, 1.0)};
  double sum = 0;
  for (std::int64_t j = 0; j < shape.kv_len; ++j) {
    const bool allowed = (!shape.causal || j <= i + shape.kv_len - shape.q_len) &&
                         (in.key_mask == nullptr || in.key_mask[b * shape.kv_len + j] == 1);
    if (!allowed) continue;
    double logit = dot(in.q.row(b, i, h), in.k.row(b, j, h), shape.head_size);
    if (shape.pe_size > 0) {
      logit +=
          shape.pe_scale * dot(in.pe_q.row(block, i, h), in.pe_k.row(block, j, h), shape.pe_size);
    }
    row.weights[static_cast<std::size_t>(j)] = std::exp(in.rounded(shape.scale * logit));
    sum += row.weights[static_cast<std::size_t>(j)];
  }
  if (sum > 0) {
    row.lse = std::log(sum);
    for (double& weight : row.weights) weight = in.rounded(weight / sum);
  }
  if (shape.dropout > 0) {
    const std::int64_t queries = shape.queries > 0 ? shape.queries : shape.q_len;
    for (std::size_t j = 0; j < count; ++j) {
      const auto element =
          static_cast<std::uint64_t>(
              (((shape.first_sequence + b) * shape.heads + h) * queries + shape.first_query + i) *
              shape.kv_len) +
          j;
      row.keep[j] =
          in.keep ? in.keep(element) : dropout_factor(shape.dropout_key, element, shape.dropout);
    }
  }
  return row;
}

/// Adds to `out`; writes `lse` [batch, heads, q_len].
inline void attention_forward(const kernels::AttentionShape& shape, AttentionInputs& in, Heads& out,
                              test::Doubles& lse) {
  for (std::int64_t b = 0; b < shape.batch; ++b) {
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      for (std::int64_t i = 0; i < shape.q_len; ++i) {
        const AttentionRow row = attention_row(shape, in, b, h, i);
        lse[static_cast<std::size_t>((b * shape.heads + h) * shape.q_len + i)] = row.lse;
        for (std::int64_t j = 0; j < shape.kv_len; ++j) {
          const auto at = static_cast<std::size_t>(j);
          add_scaled(out.row(b, i, h), row.weights[at] * row.keep[at], in.v.row(b, j, h),
                     shape.value_size);
        }
      }
    }
  }
}

/// Adds to the gradients, which are laid out like AttentionInputs.
inline void attention_backward(const kernels::AttentionShape& shape, AttentionInputs& in,
                               Heads& grad_out, AttentionInputs& grad) {
  for (std::int64_t b = 0; b < shape.batch; ++b) {
    const std::int64_t block = (shape.first_sequence + b) % shape.pe_blocks;
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      for (std::int64_t i = 0; i < shape.q_len; ++i) {
        const AttentionRow row = attention_row(shape, in, b, h, i);
        const double* grad_row = grad_out.row(b, i, h);
        test::Doubles grad_weights(row.weights.size());
        double delta = 0;
        for (std::size_t j = 0; j < grad_weights.size(); ++j) {
          const auto key = static_cast<std::int64_t>(j);
          grad_weights[j] =
              in.rounded(row.keep[j] * dot(grad_row, in.v.row(b, key, h), shape.value_size));
          delta += row.weights[j] * grad_weights[j];
          add_scaled(grad.v.row(b, key, h), row.weights[j] * row.keep[j], grad_row,
                     shape.value_size);
        }
        for (std::size_t j = 0; j < grad_weights.size(); ++j) {
          const auto key = static_cast<std::int64_t>(j);
          const double grad_logit =
              in.rounded(shape.scale * row.weights[j] * (grad_weights[j] - delta));
          add_scaled(grad.q.row(b, i, h), grad_logit, in.k.row(b, key, h), shape.head_size);
          add_scaled(grad.k.row(b, key, h), grad_logit, in.q.row(b, i, h), shape.head_size);
          if (shape.pe_size == 0) continue;
          const double grad_position = grad_logit * shape.pe_scale;
          add_scaled(grad.pe_q.row(block, i, h), grad_position, in.pe_k.row(block, key, h),
                     shape.pe_size);
          add_scaled(grad.pe_k.row(block, key, h), grad_position, in.pe_q.row(block, i, h),
                     shape.pe_size);
        }
      }
    }
  }
}

}  // namespace seqpe::reference
