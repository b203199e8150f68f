#include "kernels/cuda/cudnn_graph.h"

#include <fmt/format.h>

namespace seqpe::kernels::cuda {
namespace {

constexpr std::int64_t kAlignment = 16;  // of memory, in bytes

CudnnSizes packed(const CudnnSizes& sizes) {
  return {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1};
}

/// The latest words. Several are of support if all are.
void add(CudnnRefusal& refusal, const CudnnRefusal& another) {
  refusal = CudnnRefusal(another.what(), refusal.is_of_support() && another.is_of_support());
}

}  // namespace

void check_cudnn(const CudnnFunctions& cudnn, cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> words{};
  cudnn.last_error_string(words.data(), words.size());
  std::string text = words.data();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  throw CudnnRefusal(
      fmt::format("{}: {}{}{}", what, cudnn.error_string(status), text.empty() ? "" : ", ", text),
      CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED);
}

CudnnDescriptor::CudnnDescriptor(const CudnnFunctions& cudnn, cudnnBackendDescriptorType_t type,
                                 const char* what)
    : cudnn_(cudnn), what_(what) {
  check_cudnn(cudnn_, cudnn_.create_descriptor(type, &descriptor_), what_);
}

CudnnDescriptor::~CudnnDescriptor() {
  cudnn_.destroy_descriptor(descriptor_);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                          std::int64_t count, const void* values) {
  check_cudnn(cudnn_, cudnn_.set_attribute(descriptor_, name, type, count, values), what_);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.descriptor_);
}

void CudnnDescriptor::finalize() {
  check_cudnn(cudnn_, cudnn_.finalize(descriptor_), what_);
}

CudnnDescriptor& CudnnGraph::add(std::vector<std::unique_ptr<CudnnDescriptor>>& to,
                                 cudnnBackendDescriptorType_t type, const char* what) {
  to.push_back(std::make_unique<CudnnDescriptor>(cudnn_, type, what));
  return *to.back();
}

CudnnTensor CudnnGraph::tensor(std::int64_t number, cudnnDataType_t type, const CudnnSizes& sizes,
                               const CudnnSizes& strides, bool is_between, bool is_constant) {
  CudnnDescriptor& d = add(tensors_, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "tensor");
  d.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &number);
  d.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  d.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, sizes.data());
  d.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides.data());
  d.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &kAlignment);
  d.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_between);
  d.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &is_constant);
  d.finalize();
  return {&d, sizes};
}

CudnnTensor CudnnGraph::in_memory(std::int64_t number, cudnnDataType_t type,
                                  const CudnnSizes& sizes, const CudnnSizes& strides) {
  return tensor(number, type, sizes, strides, false, false);
}

CudnnTensor CudnnGraph::constant(std::int64_t number, cudnnDataType_t type) {
  constexpr CudnnSizes kOne = {1, 1, 1, 1};
  return tensor(number, type, kOne, kOne, false, true);
}

CudnnTensor CudnnGraph::between(cudnnDataType_t type, const CudnnSizes& sizes,
                                const CudnnSizes& strides) {
  return tensor(next_between_++, type, sizes, strides, true, false);
}

CudnnTensor CudnnGraph::between(cudnnDataType_t type, const CudnnSizes& sizes) {
  return between(type, sizes, packed(sizes));
}

void CudnnGraph::matmul(const CudnnTensor& out, const CudnnTensor& a, const CudnnTensor& b) {
  constexpr cudnnDataType_t kArithmetic = CUDNN_DATA_FLOAT;
  CudnnDescriptor& setting = add(settings_, CUDNN_BACKEND_MATMUL_DESCRIPTOR, "matmul");
  setting.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &kArithmetic);
  setting.finalize();
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "matmul");
  d.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, *a.descriptor);
  d.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, *b.descriptor);
  d.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, *out.descriptor);
  d.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, setting);
  d.finalize();
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, const CudnnTensor& out, const CudnnTensor& x,
                           const CudnnTensor& b, const CudnnTensor& t, cudnnDataType_t arithmetic) {
  CudnnDescriptor& setting = add(settings_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "pointwise");
  setting.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
  setting.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &arithmetic);
  setting.finalize();
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "pointwise");
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, setting);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *x.descriptor);
  if (b.descriptor != nullptr) d.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b.descriptor);
  if (t.descriptor != nullptr) d.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, *t.descriptor);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *out.descriptor);
  d.finalize();
}

void CudnnGraph::index(const CudnnTensor& out, const CudnnTensor& x, std::int64_t axis) {
  constexpr cudnnPointwiseMode_t kMode = CUDNN_POINTWISE_GEN_INDEX;
  constexpr cudnnDataType_t kArithmetic = CUDNN_DATA_INT32;
  CudnnDescriptor& setting = add(settings_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "index");
  setting.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &kMode);
  setting.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &kArithmetic);
  setting.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &axis);
  setting.finalize();
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "index");
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, setting);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *x.descriptor);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *out.descriptor);
  d.finalize();
}

void CudnnGraph::reduce(cudnnReduceTensorOp_t op, const CudnnTensor& out, const CudnnTensor& x) {
  constexpr cudnnDataType_t kArithmetic = CUDNN_DATA_FLOAT;
  CudnnDescriptor& setting = add(settings_, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, "reduction");
  setting.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &op);
  setting.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &kArithmetic);
  setting.finalize();
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, "reduction");
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, *x.descriptor);
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, *out.descriptor);
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, setting);
  d.finalize();
}

void CudnnGraph::transpose(const CudnnTensor& out, const CudnnTensor& x) {
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR, "transpose");
  d.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, *x.descriptor);
  d.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, *out.descriptor);
  d.finalize();
}

void CudnnGraph::bernoulli(const CudnnTensor& out, double probability, const CudnnTensor& seed,
                           const CudnnTensor& offset) {
  constexpr cudnnRngDistribution_t kBernoulli = CUDNN_RNG_DISTRIBUTION_BERNOULLI;
  CudnnDescriptor& setting = add(settings_, CUDNN_BACKEND_RNG_DESCRIPTOR, "random numbers");
  setting.set(CUDNN_ATTR_RNG_DISTRIBUTION, CUDNN_TYPE_RNG_DISTRIBUTION, 1, &kBernoulli);
  setting.set(CUDNN_ATTR_RNG_BERNOULLI_DIST_PROBABILITY, CUDNN_TYPE_DOUBLE, 1, &probability);
  setting.finalize();
  CudnnDescriptor& d = add(operations_, CUDNN_BACKEND_OPERATION_RNG_DESCRIPTOR, "random numbers");
  d.set(CUDNN_ATTR_OPERATION_RNG_DESC, setting);
  d.set(CUDNN_ATTR_OPERATION_RNG_YDESC, *out.descriptor);
  d.set(CUDNN_ATTR_OPERATION_RNG_SEED, *seed.descriptor);
  d.set(CUDNN_ATTR_OPERATION_RNG_OFFSET_DESC, *offset.descriptor);
  d.finalize();
}

CudnnPlan::CudnnPlan(const CudnnFunctions& cudnn, cudnnHandle_t handle, CudnnGraph graph)
    : cudnn_(cudnn),
      graph_(std::move(graph)),
      operations_(cudnn, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "graph") {
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const auto& operation : graph_.operations()) operations.push_back(operation->get());
  operations_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                  static_cast<std::int64_t>(operations.size()), operations.data());
  operations_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  operations_.finalize();
  CudnnRefusal refusal("no engine takes the graph", true);
  if (!try_engines(handle, CUDNN_HEUR_MODE_A, refusal) &&
      !try_engines(handle, CUDNN_HEUR_MODE_FALLBACK, refusal))
    throw refusal;
  std::int64_t bytes = 0, count = 0;
  check_cudnn(cudnn_,
              cudnn_.get_attribute(plan_->get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                   CUDNN_TYPE_INT64, 1, &count, &bytes),
              "workspace");
  workspace_bytes_ = static_cast<std::size_t>(bytes);
}

bool CudnnPlan::try_engines(cudnnHandle_t handle, cudnnBackendHeurMode_t mode,
                            CudnnRefusal& refusal) {
  constexpr std::int64_t kMostEngines = 8;
  CudnnDescriptor choice(cudnn_, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "choice of an engine");
  choice.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operations_);
  choice.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  std::vector<std::unique_ptr<CudnnDescriptor>> engines;
  std::vector<cudnnBackendDescriptor_t> results;
  for (std::int64_t i = 0; i < kMostEngines; ++i) {
    engines.push_back(
        std::make_unique<CudnnDescriptor>(cudnn_, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "engine"));
    results.push_back(engines.back()->get());
  }
  std::int64_t found = 0;
  try {
    choice.finalize();
    check_cudnn(
        cudnn_,
        cudnn_.get_attribute(choice.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                             CUDNN_TYPE_BACKEND_DESCRIPTOR, kMostEngines, &found, results.data()),
        "choice of an engine");
  } catch (const CudnnRefusal& another) {
    add(refusal, another);
    return false;
  }
  for (std::int64_t i = 0; i < found; ++i) {
    engine_ = std::move(engines[static_cast<std::size_t>(i)]);
    plan_ =
        std::make_unique<CudnnDescriptor>(cudnn_, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "plan");
    try {
      plan_->set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, *engine_);
      plan_->set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
      plan_->finalize();
      return true;
    } catch (const CudnnRefusal& another) {
      add(refusal, another);
    }
  }
  return false;
}

void CudnnPlan::run(cudnnHandle_t handle, const std::vector<std::int64_t>& numbers,
                    const std::vector<void*>& memory, void* workspace) const {
  CudnnDescriptor pack(cudnn_, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "memory of a run");
  const auto count = static_cast<std::int64_t>(numbers.size());
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, numbers.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, memory.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
  pack.finalize();
  check_cudnn(cudnn_, cudnn_.execute(handle, plan_->get(), pack.get()), "run");
}

}  // namespace seqpe::kernels::cuda
