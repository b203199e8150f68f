#include "tests/cuda/fake_cublaslt.h"

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>

#include "kernels/common/bf16.h"
#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "tests/reference/gelu.h"

namespace seqpe::test {
bool cublaslt_refuses_gelu = false, cublaslt_fails = false;
int cublaslt_tf32_products = 0, cublaslt_products = 0, cublaslt_gelu_products = 0;
}  // namespace seqpe::test

namespace seqpe::simt {
void check_cuda(int status, const char* what) {
  require<DeviceError>(status == 0, "[cuda] {} failed.", what);
}
}  // namespace seqpe::simt

namespace {

using seqpe::bf16;

/// Element (row, column) lies at row + column * stride.
struct Layout {
  cudaDataType_t type;
  std::int64_t rows, columns, stride;
  std::int32_t batch = 1;
  std::int64_t batch_stride = 0;
};

struct Description {
  cublasOperation_t trans_a = CUBLAS_OP_N, trans_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  void* aux = nullptr;
  std::int64_t aux_stride = 0;
};

/// What a caller promises when it asks for an algorithm; the fake's algorithms are that.
struct Preference {
  std::uint64_t workspace;
  std::uint32_t a, b, c, out;  // alignment of the addresses
};

template <typename T>
void copy_attribute(T& to, const void* from, std::size_t bytes) {
  seqpe::require(bytes == sizeof(T), "[fake_cublaslt] an attribute of {} bytes, got {}.", sizeof(T),
                 bytes);
  std::memcpy(&to, from, bytes);
}

double load(const void* data, cudaDataType_t type, std::int64_t index) {
  return type == CUDA_R_32F ? static_cast<const float*>(data)[index]
                            : static_cast<float>(static_cast<const bf16*>(data)[index]);
}

void store(void* data, cudaDataType_t type, std::int64_t index, double value) {
  if (type == CUDA_R_32F) {
    static_cast<float*>(data)[index] = static_cast<float>(value);
  } else {
    static_cast<bf16*>(data)[index] = bf16(static_cast<float>(value));
  }
}

const Layout& of(cublasLtMatrixLayout_t layout) {
  return *reinterpret_cast<const Layout*>(layout);
}
const Description& of(cublasLtMatmulDesc_t description) {
  return *reinterpret_cast<const Description*>(description);
}

bool has_gelu(const Description& d) {
  return d.epilogue == CUBLASLT_EPILOGUE_GELU_BIAS || d.epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

bool has_aux(const Description& d) {
  return d.epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

struct Sizes {
  std::int64_t m, n, k;
};

Sizes sizes_of(const Description& d, const Layout& a, const Layout& b) {
  const bool at = d.trans_a == CUBLAS_OP_T, bt = d.trans_b == CUBLAS_OP_T;
  return {at ? a.columns : a.rows, bt ? b.rows : b.columns, at ? a.rows : a.columns};
}

/// What the library refuses.
bool valid(const Description& d, const Layout& a, const Layout& b, const Layout& out) {
  const Sizes sizes = sizes_of(d, a, b);
  const std::int64_t b_inner = d.trans_b == CUBLAS_OP_T ? b.columns : b.rows;
  for (const Layout* layout : {&a, &b, &out}) {
    if (layout->rows < 1 || layout->columns < 1 || layout->stride < layout->rows) return false;
    if (layout->batch != out.batch) return false;
  }
  const bool keeps_sums = out.type == CUDA_R_32F && d.epilogue == CUBLASLT_EPILOGUE_DEFAULT;
  if (a.type != b.type || (out.type != a.type && !keeps_sums)) return false;
  if (has_aux(d) && (d.aux == nullptr || d.aux_stride % 8 != 0 || d.aux_stride < out.rows))
    return false;
  if (d.epilogue != CUBLASLT_EPILOGUE_DEFAULT && d.bias == nullptr) return false;
  return out.rows == sizes.m && out.columns == sizes.n && b_inner == sizes.k;
}

/// Whether memory is as the algorithm was told that it would be.
bool keeps(const cublasLtMatmulAlgo_t& algorithm, const void* a, const void* b, const void* c,
           const void* out, const void* workspace, std::uint64_t workspace_bytes) {
  Preference told{};
  std::memcpy(&told, &algorithm, sizeof(told));
  const auto aligned = [](const void* pointer, std::uint32_t bytes) {
    return bytes != 0 && reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0;
  };
  return aligned(a, told.a) && aligned(b, told.b) && aligned(c, told.c) && aligned(out, told.out) &&
         workspace != nullptr && workspace_bytes >= told.workspace;
}

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t*) {
  return CUBLAS_STATUS_SUCCESS;
}

const char* cublasLtGetStatusString(cublasStatus_t) {
  return "refused";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* out, cublasComputeType_t type,
                                        cudaDataType_t) {
  if (type == CUBLAS_COMPUTE_32F_FAST_TF32) ++seqpe::test::cublaslt_tf32_products;
  *out = reinterpret_cast<cublasLtMatmulDesc_t>(new Description);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t description) {
  delete reinterpret_cast<Description*>(description);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t description,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, std::size_t bytes) {
  auto& d = *reinterpret_cast<Description*>(description);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      copy_attribute(d.trans_a, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      copy_attribute(d.trans_b, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      copy_attribute(d.epilogue, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      copy_attribute(d.bias, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      copy_attribute(d.aux, value, bytes);
      break;
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      copy_attribute(d.aux_stride, value, bytes);
      break;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* out, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t stride) {
  *out = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{
      type, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns), stride});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete reinterpret_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, std::size_t bytes) {
  auto& l = *reinterpret_cast<Layout*>(layout);
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      copy_attribute(l.batch, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      copy_attribute(l.batch_stride, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* out) {
  *out = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference{});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete reinterpret_cast<Preference*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, std::size_t bytes) {
  auto& p = *reinterpret_cast<Preference*>(preference);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      copy_attribute(p.workspace, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      copy_attribute(p.a, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      copy_attribute(p.b, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      copy_attribute(p.c, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      copy_attribute(p.out, value, bytes);
      return CUBLAS_STATUS_SUCCESS;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t out,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t* result, int* found) {
  *found = 0;
  if (seqpe::test::cublaslt_fails) return CUBLAS_STATUS_INTERNAL_ERROR;
  static_assert(sizeof(Preference) <= sizeof(result->algo));
  std::memcpy(&result->algo, reinterpret_cast<const Preference*>(preference), sizeof(Preference));
  const bool refused = has_gelu(of(description)) && seqpe::test::cublaslt_refuses_gelu;
  *found = !refused && valid(of(description), of(a), of(b), of(out)) ? 1 : 0;
  return *found == 1 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a_data, cublasLtMatrixLayout_t a_layout,
                              const void* b_data, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c_data, cublasLtMatrixLayout_t, void* out_data,
                              cublasLtMatrixLayout_t out_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              std::size_t workspace_bytes, cudaStream_t) {
  const Description& d = of(description);
  const Layout &a = of(a_layout), &b = of(b_layout), &out = of(out_layout);
  if (!valid(d, a, b, out)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!keeps(*algorithm, a_data, b_data, c_data, out_data, workspace, workspace_bytes))
    return CUBLAS_STATUS_INVALID_VALUE;
  ++seqpe::test::cublaslt_products;
  if (has_gelu(d)) ++seqpe::test::cublaslt_gelu_products;
  const Sizes sizes = sizes_of(d, a, b);
  const float scale = *static_cast<const float*>(alpha), keep = *static_cast<const float*>(beta);
  const auto at = [](const Layout& layout, const void* data, std::int64_t item, std::int64_t row,
                     std::int64_t column, bool transposed) {
    if (transposed) std::swap(row, column);
    return load(data, layout.type, item * layout.batch_stride + row + column * layout.stride);
  };
  for (std::int64_t item = 0; item < out.batch; ++item) {
    for (std::int64_t column = 0; column < sizes.n; ++column) {
      for (std::int64_t row = 0; row < sizes.m; ++row) {
        double sum = 0;
        for (std::int64_t i = 0; i < sizes.k; ++i) {
          sum += at(a, a_data, item, row, i, d.trans_a == CUBLAS_OP_T) *
                 at(b, b_data, item, i, column, d.trans_b == CUBLAS_OP_T);
        }
        double value = scale * sum;
        const std::int64_t index = item * out.batch_stride + row + column * out.stride;
        if (keep != 0) value += keep * load(c_data, out.type, index);  // 0 reads nothing
        if (d.epilogue != CUBLASLT_EPILOGUE_DEFAULT) value += load(d.bias, out.type, row);
        if (has_aux(d)) store(d.aux, out.type, row + column * d.aux_stride, value);
        if (has_gelu(d)) value = seqpe::reference::gelu_tanh(value);
        store(out_data, out.type, index, value);
      }
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width,
                              std::size_t height, cudaStream_t) {
  for (std::size_t row = 0; row < height; ++row)
    std::memset(static_cast<char*>(to) + row * pitch, value, width);
  return cudaSuccess;
}

}  // extern "C"
