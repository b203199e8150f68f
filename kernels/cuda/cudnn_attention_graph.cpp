#include "kernels/cuda/cudnn_attention_graph.h"

namespace seqpe::kernels::cuda {
namespace {

/// The tensors of one graph, by the names of the formulas.
class AttentionGraph {
 public:
  AttentionGraph(CudnnGraph& graph, const CudnnAttention& attention)
      : graph_(graph), a_(attention) {}

  void forward() {
    const CudnnTensor q = rows(kCudnnQ, a_.q_len, a_.head_size, a_.q),
                      k = columns(kCudnnK, a_.kv_len, a_.head_size, a_.k),
                      v = rows(kCudnnV, a_.kv_len, a_.value_size, a_.v),
                      out = rows(kCudnnOut, a_.q_len, a_.value_size, a_.out);
    const CudnnTensor logits = masked(scaled(product(q, k)));
    const CudnnTensor maximum = numbers();
    graph_.reduce(CUDNN_REDUCE_TENSOR_MAX, maximum, logits);
    const CudnnTensor powers = exponential(binary(CUDNN_POINTWISE_SUB, logits, maximum));
    const CudnnTensor sum = numbers();
    graph_.reduce(CUDNN_REDUCE_TENSOR_ADD, sum, powers);
    const CudnnTensor logarithm = numbers();
    graph_.pointwise(CUDNN_POINTWISE_LOG, logarithm, sum);
    graph_.pointwise(CUDNN_POINTWISE_ADD, numbers(kCudnnLse), maximum, logarithm);
    if (a_.dropout == 0.0) {
      const CudnnTensor weights = matrix(CUDNN_DATA_BFLOAT16);
      graph_.pointwise(CUDNN_POINTWISE_DIV, weights, powers, sum);
      return graph_.matmul(out, weights, v);
    }
    const CudnnTensor kept =
        binary(CUDNN_POINTWISE_MUL, binary(CUDNN_POINTWISE_DIV, powers, sum), keep_mask());
    const CudnnTensor weights = matrix(CUDNN_DATA_BFLOAT16);
    graph_.pointwise(CUDNN_POINTWISE_MUL, weights, kept, constant(kCudnnKeepScale));
    graph_.matmul(out, weights, v);
  }

  void backward() {
    const CudnnTensor q = rows(kCudnnQ, a_.q_len, a_.head_size, a_.q),
                      k = columns(kCudnnK, a_.kv_len, a_.head_size, a_.k),
                      v = columns(kCudnnV, a_.kv_len, a_.value_size, a_.v),
                      out = rows(kCudnnOut, a_.q_len, a_.value_size, a_.out),
                      grad_out = rows(kCudnnGradOut, a_.q_len, a_.value_size, a_.grad_out),
                      grad_q = rows(kCudnnGradQ, a_.q_len, a_.head_size, a_.grad_q),
                      grad_k = rows(kCudnnGradK, a_.kv_len, a_.head_size, a_.grad_k),
                      grad_v = rows(kCudnnGradV, a_.kv_len, a_.value_size, a_.grad_v);
    const bool drops = a_.dropout > 0.0;
    CudnnTensor mask, keep_scale;
    if (drops) {
      mask = keep_mask();
      keep_scale = constant(kCudnnKeepScale);
    }

    // delta = (1 - dropout) rowsum(grad_out out)
    const CudnnTensor products =
        graph_.between(CUDNN_DATA_FLOAT, {a_.batch, a_.heads, a_.q_len, a_.value_size});
    graph_.pointwise(CUDNN_POINTWISE_MUL, products, grad_out, out);
    const CudnnTensor row_sums = numbers();
    graph_.reduce(CUDNN_REDUCE_TENSOR_ADD, row_sums, products);
    const CudnnTensor delta = numbers(kCudnnDelta);
    graph_.pointwise(CUDNN_POINTWISE_MUL, delta, row_sums, constant(kCudnnKeep));

    // grad_v = (dropped weights)^T grad_out
    const CudnnTensor scale = constant(kCudnnScale);
    const CudnnTensor logits = binary(CUDNN_POINTWISE_MUL, product(q, k), scale);
    const CudnnTensor weights =
        exponential(masked(binary(CUDNN_POINTWISE_SUB, logits, numbers(kCudnnLse))));
    CudnnTensor dropped = weights;
    if (drops) {
      dropped = binary(CUDNN_POINTWISE_MUL, binary(CUDNN_POINTWISE_MUL, weights, mask), keep_scale);
    }
    graph_.matmul(grad_v, transposed(dropped), grad_out);

    // grad_logits = weights (mask (grad_out v^T) - delta) scale / (1 - dropout)
    CudnnTensor grad_weights = product(grad_out, v);
    if (drops) grad_weights = binary(CUDNN_POINTWISE_MUL, grad_weights, mask);
    CudnnTensor grad_logits =
        binary(CUDNN_POINTWISE_MUL, binary(CUDNN_POINTWISE_SUB, grad_weights, delta), weights);
    if (drops) grad_logits = binary(CUDNN_POINTWISE_MUL, grad_logits, keep_scale);
    grad_logits = binary(CUDNN_POINTWISE_MUL, grad_logits, scale);
    graph_.matmul(grad_k, transposed(grad_logits), q);

    const CudnnTensor k_rows =
        graph_.between(CUDNN_DATA_BFLOAT16, {a_.batch, a_.heads, a_.kv_len, a_.head_size},
                       {a_.k.batch, a_.k.head, a_.k.token, 1});
    graph_.transpose(k_rows, k);
    if (a_.one_order) return graph_.matmul(grad_q, grad_logits, k_rows);
    const CudnnSizes sizes = {a_.batch, a_.heads, a_.q_len, a_.head_size};
    const CudnnTensor grad_q_sum = graph_.in_memory(
        kCudnnGradQSum, CUDNN_DATA_FLOAT, sizes,
        {a_.heads * a_.q_len * a_.head_size, a_.q_len * a_.head_size, a_.head_size, 1});
    graph_.matmul(grad_q_sum, grad_logits, k_rows);
    graph_.pointwise(CUDNN_POINTWISE_IDENTITY, grad_q, grad_q_sum);
  }

 private:
  CudnnTensor rows(std::int64_t number, std::int64_t tokens, std::int64_t size,
                   const CudnnStrides& strides) {
    return graph_.in_memory(number, CUDNN_DATA_BFLOAT16, {a_.batch, a_.heads, tokens, size},
                            {strides.batch, strides.head, strides.token, 1});
  }
  /// The transpose of rows.
  CudnnTensor columns(std::int64_t number, std::int64_t tokens, std::int64_t size,
                      const CudnnStrides& strides) {
    return graph_.in_memory(number, CUDNN_DATA_BFLOAT16, {a_.batch, a_.heads, size, tokens},
                            {strides.batch, strides.head, 1, strides.token});
  }
  CudnnTensor constant(std::int64_t number) { return graph_.constant(number, CUDNN_DATA_FLOAT); }
  /// One a query.
  CudnnTensor numbers() {
    return graph_.between(CUDNN_DATA_FLOAT, {a_.batch, a_.heads, a_.q_len, 1});
  }
  CudnnTensor numbers(std::int64_t number) {
    return graph_.in_memory(number, CUDNN_DATA_FLOAT, {a_.batch, a_.heads, a_.q_len, 1},
                            {a_.heads * a_.q_len, a_.q_len, 1, 1});
  }
  /// One a query and key.
  CudnnTensor matrix(cudnnDataType_t type = CUDNN_DATA_FLOAT) {
    return graph_.between(type, {a_.batch, a_.heads, a_.q_len, a_.kv_len});
  }

  CudnnTensor product(const CudnnTensor& rows, const CudnnTensor& columns) {
    const CudnnTensor out = matrix();
    graph_.matmul(out, rows, columns);
    return out;
  }
  CudnnTensor binary(cudnnPointwiseMode_t mode, const CudnnTensor& x, const CudnnTensor& b) {
    const CudnnTensor out = matrix();
    graph_.pointwise(mode, out, x, b);
    return out;
  }
  CudnnTensor exponential(const CudnnTensor& x) {
    const CudnnTensor out = matrix();
    graph_.pointwise(CUDNN_POINTWISE_EXP, out, x);
    return out;
  }
  CudnnTensor scaled(const CudnnTensor& logits) {
    return binary(CUDNN_POINTWISE_MUL, logits, constant(kCudnnScale));
  }
  CudnnTensor masked(const CudnnTensor& logits) {
    if (!a_.causal) return logits;
    const CudnnTensor row = matrix(CUDNN_DATA_INT32), column = matrix(CUDNN_DATA_INT32),
                      seen = matrix(CUDNN_DATA_BOOLEAN), out = matrix();
    graph_.index(row, logits, 2);
    graph_.index(column, logits, 3);
    graph_.pointwise(CUDNN_POINTWISE_CMP_GE, seen, row, column, {}, CUDNN_DATA_BOOLEAN);
    graph_.pointwise(CUDNN_POINTWISE_BINARY_SELECT, out, logits, constant(kCudnnMinusInfinity),
                     seen);
    return out;
  }
  CudnnTensor keep_mask() {
    constexpr CudnnSizes kOne = {1, 1, 1, 1};
    const CudnnTensor mask = matrix();
    graph_.bernoulli(mask, 1.0 - a_.dropout,
                     graph_.in_memory(kCudnnSeed, CUDNN_DATA_INT64, kOne, kOne),
                     graph_.in_memory(kCudnnOffset, CUDNN_DATA_INT64, kOne, kOne));
    return mask;
  }
  CudnnTensor transposed(const CudnnTensor& x) {
    const std::int64_t matrix_size = a_.q_len * a_.kv_len;
    const CudnnTensor out =
        graph_.between(CUDNN_DATA_BFLOAT16, {a_.batch, a_.heads, a_.kv_len, a_.q_len},
                       {a_.heads * matrix_size, matrix_size, 1, a_.kv_len});
    graph_.transpose(out, x);
    return out;
  }

  CudnnGraph& graph_;
  const CudnnAttention& a_;
};

}  // namespace

void add_attention(CudnnGraph& graph, const CudnnAttention& attention) {
  AttentionGraph tensors(graph, attention);
  attention.backward ? tensors.backward() : tensors.forward();
}

}  // namespace seqpe::kernels::cuda
