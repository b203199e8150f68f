#include "engine/ops/embedding.h"

#include "engine/autograd/node.h"
#include "engine/ops/check.h"
#include "kernels/embedding.h"

namespace seqpe::ops {
namespace {

struct EmbeddingNode final : autograd::Node {
  Tensor indices;
  std::int64_t rows = 0, cols = 0;

  void backward() override {
    const Tensor grad_out = grad_output();
    const auto grad_table = grad_target(0);
    kernels::embedding_backward(grad_out.context(), {.dtype = grad_out.dtype(),
                                                     .grad_table = grad_table.data(),
                                                     .write = grad_table.write,
                                                     .grad_out = grad_out.data(),
                                                     .indices = indices.data_as<std::int64_t>(),
                                                     .count = indices.numel(),
                                                     .rows = rows,
                                                     .cols = cols});
  }
};

void check_indices(const Tensor& indices, std::int64_t rows) {
  const auto values = indices.span<std::int64_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    require(values[i] >= 0 && values[i] < rows,
            "[embedding] indices must lie in [0, {}) (rows of the table), got {} at {}.", rows,
            values[i], i);
  }
}

}  // namespace

Tensor embedding(const Tensor& table, const Tensor& indices) {
  check_floating("embedding", "table", table);
  require(table.rank() == 2, "[embedding] table must be a matrix, got {}.",
          to_string(table.shape()));
  require(indices.defined() && indices.dtype() == DType::i64,
          "[embedding] indices must be i64, got {}.",
          indices.defined() ? name_of(indices.dtype()) : "an undefined tensor");
  const std::int64_t rows = table.dim(0), cols = table.dim(1);
  if (indices.device() == Device::cpu) check_indices(indices, rows);
  const Tensor at_table = indices.to(table.device());
  Shape shape = indices.shape();
  shape.push_back(cols);
  const Tensor out = Tensor::empty(shape, table.dtype(), table.device());
  kernels::embedding_forward(table.context(), {.dtype = table.dtype(),
                                               .out = out.data(),
                                               .table = table.data(),
                                               .indices = at_table.data_as<std::int64_t>(),
                                               .count = indices.numel(),
                                               .rows = rows,
                                               .cols = cols});
  if (const auto node = autograd::record<EmbeddingNode>({table}, {out})) {
    node->indices = at_table;
    node->rows = rows;
    node->cols = cols;
  }
  return out;
}

}  // namespace seqpe::ops
