// cuDNN's graph of operations, and the plan that runs one. All tensors have four dimensions, and
// what is computed is computed in float32.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/cuda/cudnn_functions.h"

namespace seqpe::kernels::cuda {

/// The library will not do what it was asked for. What it says of the reason.
class CudnnRefusal : public std::runtime_error {
 public:
  CudnnRefusal(const std::string& words, bool is_of_support)
      : std::runtime_error(words), is_of_support_(is_of_support) {}
  /// Whether it does not support what it was asked for, and never will; else something failed.
  bool is_of_support() const { return is_of_support_; }

 private:
  bool is_of_support_;
};

/// Throws CudnnRefusal with the library's own words unless `status` is success.
void check_cudnn(const CudnnFunctions& cudnn, cudnnStatus_t status, const char* what);

/// A descriptor of the library's, as long as the object.
class CudnnDescriptor {
 public:
  CudnnDescriptor(const CudnnFunctions& cudnn, cudnnBackendDescriptorType_t type, const char* what);
  ~CudnnDescriptor();
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value);
  void finalize();
  cudnnBackendDescriptor_t get() const { return descriptor_; }

 private:
  const CudnnFunctions& cudnn_;
  const char* what_;
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

using CudnnSizes = std::array<std::int64_t, 4>;

/// A tensor of a graph: in memory, by number, or between two operations.
struct CudnnTensor {
  const CudnnDescriptor* descriptor = nullptr;
  CudnnSizes sizes{};
};

class CudnnGraph {
 public:
  explicit CudnnGraph(const CudnnFunctions& cudnn) : cudnn_(cudnn) {}

  /// In the memory that a run names by `number`.
  CudnnTensor in_memory(std::int64_t number, cudnnDataType_t type, const CudnnSizes& sizes,
                        const CudnnSizes& strides);
  /// One number in the host's memory, which a run names as it names the device's.
  CudnnTensor constant(std::int64_t number, cudnnDataType_t type);
  /// Between two operations.
  CudnnTensor between(cudnnDataType_t type, const CudnnSizes& sizes, const CudnnSizes& strides);
  /// The same, packed.
  CudnnTensor between(cudnnDataType_t type, const CudnnSizes& sizes);

  void matmul(const CudnnTensor& out, const CudnnTensor& a, const CudnnTensor& b);
  /// out = mode(x), or mode(x, b), or mode(x, b, t), with b and t stretched to the sizes of x.
  void pointwise(cudnnPointwiseMode_t mode, const CudnnTensor& out, const CudnnTensor& x,
                 const CudnnTensor& b = {}, const CudnnTensor& t = {},
                 cudnnDataType_t arithmetic = CUDNN_DATA_FLOAT);
  /// out = the index of each element of x in dimension `axis`, in int32.
  void index(const CudnnTensor& out, const CudnnTensor& x, std::int64_t axis);
  /// Over the last dimension.
  void reduce(cudnnReduceTensorOp_t op, const CudnnTensor& out, const CudnnTensor& x);
  /// The last two dimensions exchanged.
  void transpose(const CudnnTensor& out, const CudnnTensor& x);
  /// out = 1 with `probability`, else 0: element for element by `seed` and `offset`.
  void bernoulli(const CudnnTensor& out, double probability, const CudnnTensor& seed,
                 const CudnnTensor& offset);

  const std::vector<std::unique_ptr<CudnnDescriptor>>& operations() const { return operations_; }

 private:
  CudnnTensor tensor(std::int64_t number, cudnnDataType_t type, const CudnnSizes& sizes,
                     const CudnnSizes& strides, bool is_between, bool is_constant);
  CudnnDescriptor& add(std::vector<std::unique_ptr<CudnnDescriptor>>& to,
                       cudnnBackendDescriptorType_t type, const char* what);

  const CudnnFunctions& cudnn_;
  std::vector<std::unique_ptr<CudnnDescriptor>> tensors_, settings_, operations_;
  std::int64_t next_between_ = std::int64_t{1} << 20;  // beyond the numbers of those in memory
};

class CudnnPlan {
 public:
  /// By the first of the library's engines that takes the graph.
  CudnnPlan(const CudnnFunctions& cudnn, cudnnHandle_t handle, CudnnGraph graph);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  /// In the order of the handle's stream.
  void run(cudnnHandle_t handle, const std::vector<std::int64_t>& numbers,
           const std::vector<void*>& memory, void* workspace) const;

 private:
  /// Whether one of them takes the graph. Each that does not adds to `refusal`.
  bool try_engines(cudnnHandle_t handle, cudnnBackendHeurMode_t mode, CudnnRefusal& refusal);

  const CudnnFunctions& cudnn_;
  // A plan names its engine, and that the graph: they live as long.
  CudnnGraph graph_;
  CudnnDescriptor operations_;
  std::unique_ptr<CudnnDescriptor> engine_, plan_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace seqpe::kernels::cuda
