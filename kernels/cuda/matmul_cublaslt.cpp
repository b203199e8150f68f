// Matrix products by cuBLASLt (https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api). The
// library thinks in columns: a row-major matrix is its transpose there, so that
//   out = op(a) op(b)   is asked for as   out^T = op(b)^T op(a)^T
// and the bias of a column of `out` is its bias of a row.
#include <cublasLt.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <type_traits>

#include "kernels/common/error.h"
#include "kernels/cuda/check_cuda.h"
#include "kernels/cuda/memory_shortage.h"
#include "kernels/device.h"
#include "kernels/gelu.h"
#include "kernels/matmul.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr std::size_t kWorkspace = std::size_t{32} << 20;  // what NVIDIA advises for sm_90

void check(cublasStatus_t status, const char* what) {
  require<DeviceError>(status == CUBLAS_STATUS_SUCCESS, "[matmul] cuBLASLt, {}: {}.", what,
                       cublasLtGetStatusString(status));
}

template <typename T, cublasStatus_t (*Destroy)(T)>
struct Destroyer {
  void operator()(T object) const { Destroy(object); }
};
template <typename T, cublasStatus_t (*Destroy)(T)>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, Destroyer<T, Destroy>>;

using Description = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t element_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return CUDA_R_32F;
    case DType::bf16:
      return CUDA_R_16BF;
    default:
      throw_wrong_dtype("matmul", "f32 or bf16 on a cuda device", dtype);
  }
}

cublasLtEpilogue_t epilogue_of(const MatmulArgs& args) {
  switch (args.epilogue) {
    case Epilogue::none:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    default:
      return args.pre_activation != nullptr ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS
                                            : CUBLASLT_EPILOGUE_GELU_BIAS;
  }
}

/// A matrix as the library sees it: [columns, rows] of ours, `stride` elements between its columns.
Layout layout_of(cudaDataType_t element, std::int64_t rows, std::int64_t columns,
                 std::int64_t stride, std::int64_t batch, std::int64_t batch_stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  check(cublasLtMatrixLayoutCreate(&layout, element, static_cast<std::uint64_t>(columns),
                                   static_cast<std::uint64_t>(rows), stride),
        "matrix layout");
  Layout owned(layout);
  const auto count = static_cast<std::int32_t>(batch);
  check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                         sizeof(count)),
        "batch count");
  check(cublasLtMatrixLayoutSetAttribute(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                         &batch_stride, sizeof(batch_stride)),
        "batch stride");
  return owned;
}

template <typename T>
void set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  check(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof(value)),
        "description");
}

template <typename T>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
        "preference");
}

cublasComputeType_t compute_type_of(const MatmulArgs& args) {
  return args.dtype == DType::f32 && tf32_allowed() ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                    : CUBLAS_COMPUTE_32F;
}

/// The largest power of two up to 256 that divides the address.
std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  return static_cast<std::uint32_t>(
      address == 0 ? 256 : std::min<std::uintptr_t>(256, address & -address));
}

/// A product of one shape: what the library needs to run it.
struct Product {
  Description description;
  Layout a, b, out;                               // ours; the library's first operand is b
  std::optional<cublasLtMatmulAlgo_t> algorithm;  // none: not supported
};

class Products {
 public:
  Products() {
    check(cublasLtCreate(&handle_), "handle");
    workspace_ = allocate_or_ask(kWorkspace, "the workspace of cuBLASLt",
                                 [] { return allocate_on_device(kWorkspace); });
  }

  /// False, and nothing done, if the library has no such product.
  bool run(const Context& context, const MatmulArgs& args) {
    const std::lock_guard lock(mutex_);
    const Product& product = find(args);
    if (!product.algorithm) return false;
    set_pointers(product, args);
    const auto alpha = static_cast<float>(args.alpha);
    const float beta = args.write == Write::accumulate ? 1.0f : 0.0f;
    check(cublasLtMatmul(handle_, product.description.get(), &alpha, args.b, product.b.get(),
                         args.a, product.a.get(), &beta, args.out, product.out.get(), args.out,
                         product.out.get(), &*product.algorithm, workspace_, kWorkspace,
                         static_cast<cudaStream_t>(context.stream)),
          "product");
    return true;
  }

 private:
  using Key = std::tuple<DType, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, bool, bool, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, cublasLtEpilogue_t, Write, bool,
                         cublasComputeType_t, std::uint32_t, std::uint32_t, std::uint32_t>;

  const Product& find(const MatmulArgs& args) {
    const Key key{args.dtype,
                  args.m,
                  args.n,
                  args.k,
                  args.lda,
                  args.ldb,
                  args.ldc,
                  args.trans_a,
                  args.trans_b,
                  args.batch,
                  args.batch_stride_a,
                  args.batch_stride_b,
                  args.batch_stride_out,
                  epilogue_of(args),
                  args.write,
                  args.wide_out,
                  compute_type_of(args),
                  alignment_of(args.a),
                  alignment_of(args.b),
                  alignment_of(args.out)};
    auto found = products_.find(key);
    if (found == products_.end()) found = products_.emplace(key, create(args)).first;
    return found->second;
  }

  /// What changes from call to call.
  static void set_pointers(const Product& product, const MatmulArgs& args) {
    const cublasLtEpilogue_t epilogue = epilogue_of(args);
    if (epilogue == CUBLASLT_EPILOGUE_DEFAULT) return;
    set(product.description.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.bias);
    if (epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS)
      set(product.description.get(), CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER,
          args.pre_activation);
  }

  Product create(const MatmulArgs& args) const {
    const cudaDataType_t element = element_of(args.dtype);
    cublasLtMatmulDesc_t description = nullptr;
    check(cublasLtMatmulDescCreate(&description, compute_type_of(args), CUDA_R_32F), "description");
    Product product{
        Description(description),
        args.trans_a
            ? layout_of(element, args.k, args.m, args.lda, args.batch, args.batch_stride_a)
            : layout_of(element, args.m, args.k, args.lda, args.batch, args.batch_stride_a),
        args.trans_b
            ? layout_of(element, args.n, args.k, args.ldb, args.batch, args.batch_stride_b)
            : layout_of(element, args.k, args.n, args.ldb, args.batch, args.batch_stride_b),
        layout_of(element_of(out_dtype(args)), args.m, args.n, args.ldc, args.batch,
                  args.batch_stride_out),
        {}};
    set(description, CUBLASLT_MATMUL_DESC_TRANSA, args.trans_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(description, CUBLASLT_MATMUL_DESC_TRANSB, args.trans_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    const cublasLtEpilogue_t epilogue = epilogue_of(args);
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    set_pointers(product, args);
    if (epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS)
      set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, args.ldc);
    product.algorithm = choose_algorithm(product, args);
    return product;
  }

  std::optional<cublasLtMatmulAlgo_t> choose_algorithm(const Product& product,
                                                       const MatmulArgs& args) const {
    cublasLtMatmulPreference_t made = nullptr;
    check(cublasLtMatmulPreferenceCreate(&made), "preference");
    const Preference preference(made);
    set(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
    set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(args.b));
    set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(args.a));
    set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(args.out));
    set(made, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(args.out));
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, product.description.get(), product.b.get(), product.a.get(), product.out.get(),
        product.out.get(), made, 1, &result, &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return std::nullopt;
    check(status, "choice of an algorithm");
    if (found == 0) return std::nullopt;
    return result.algo;
  }

  std::mutex mutex_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, Product> products_;
};

Products& products() {
  // Never destroyed: the driver may be gone before objects of static lifetime are.
  static auto* const instance = new Products;
  return *instance;
}

/// The fused GELU is the tanh form, and wants rows of 16 bytes where it stores what it was given.
/// Its tanh is an approximation (an H100's gradients were off by 1e-4) that only bf16 hides.
bool may_fuse_gelu(const MatmulArgs& args) {
  return args.epilogue == Epilogue::bias_gelu_tanh && args.dtype == DType::bf16 &&
         (args.pre_activation == nullptr ||
          (args.ldc % 8 == 0 && alignment_of(args.pre_activation) >= 16));
}

/// The library's fast kernels want rows of whole 16 bytes. An extent of rows that is none, such as
/// a vocabulary of 50257, sends the whole product to kernels several times slower: then its largest
/// part of whole 128 bytes is a product, and the few elements that are left another.
std::int64_t fast_part(std::int64_t extent) {
  constexpr std::int64_t kPack = 8, kLine = 64;
  constexpr std::int64_t kWorthASplit = 1024;  // below it a second launch costs more than it saves
  return extent % kPack == 0 || extent < kWorthASplit ? extent : extent - extent % kLine;
}

const void* advance(const void* data, std::int64_t elements, DType dtype) {
  return static_cast<const char*>(data) + elements * static_cast<std::int64_t>(size_of(dtype));
}
void* advance(void* data, std::int64_t elements, DType dtype) {
  return static_cast<char*>(data) + elements * static_cast<std::int64_t>(size_of(dtype));
}

/// The product's rows, columns and terms [begin, end).
MatmulArgs rows_of(MatmulArgs args, std::int64_t begin, std::int64_t end) {
  args.a = advance(args.a, args.trans_a ? begin : begin * args.lda, args.dtype);
  args.out = advance(args.out, begin * args.ldc, out_dtype(args));
  args.m = end - begin;
  return args;
}
MatmulArgs columns_of(MatmulArgs args, std::int64_t begin, std::int64_t end) {
  args.b = advance(args.b, args.trans_b ? begin * args.ldb : begin, args.dtype);
  args.out = advance(args.out, begin, out_dtype(args));
  if (args.bias != nullptr) args.bias = advance(args.bias, begin, args.dtype);
  args.n = end - begin;
  return args;
}
MatmulArgs terms_of(MatmulArgs args, std::int64_t begin, std::int64_t end) {
  args.a = advance(args.a, args.trans_a ? begin * args.lda : begin, args.dtype);
  args.b = advance(args.b, args.trans_b ? begin : begin * args.ldb, args.dtype);
  args.k = end - begin;
  return args;
}

/// Without a GELU.
void multiply(const Context& context, const MatmulArgs& args) {
  const std::int64_t m = args.trans_a ? fast_part(args.m) : args.m, n = fast_part(args.n),
                     k = args.epilogue == Epilogue::none && (!args.trans_a || args.trans_b)
                             ? fast_part(args.k)
                             : args.k;
  if (m < args.m) {
    multiply(context, rows_of(args, 0, m));
    return multiply(context, rows_of(args, m, args.m));
  }
  if (n < args.n) {
    multiply(context, columns_of(args, 0, n));
    return multiply(context, columns_of(args, n, args.n));
  }
  if (k < args.k) {
    multiply(context, terms_of(args, k, args.k));  // few terms first: their sum is rounded twice
    MatmulArgs most = terms_of(args, 0, k);
    most.write = Write::accumulate;
    return multiply(context, most);
  }
  require<DeviceError>(products().run(context, args),
                       "[matmul] cuBLASLt has no product of {} with m {}, n {}, k {}, rows {}, {} "
                       "and {} apart.",
                       name_of(args.dtype), args.m, args.n, args.k, args.lda, args.ldb, args.ldc);
}

/// Without a sum there is nothing to ask the library for.
void clear_output(const Context& context, const MatmulArgs& args) {
  if (args.write == Write::accumulate) return;
  const std::size_t element = size_of(out_dtype(args));
  for (std::int64_t item = 0; item < args.batch; ++item) {
    auto* const out = static_cast<char*>(args.out) +
                      static_cast<std::size_t>(item * args.batch_stride_out) * element;
    simt::check_cuda(cudaMemset2DAsync(out, static_cast<std::size_t>(args.ldc) * element, 0,
                                       static_cast<std::size_t>(args.n) * element,
                                       static_cast<std::size_t>(args.m),
                                       static_cast<cudaStream_t>(context.stream)),
                     "cudaMemset2DAsync");
  }
}

}  // namespace

void matmul(const Context& context, const MatmulArgs& args) {
  if (args.m == 0 || args.n == 0 || args.batch == 0) return;
  if (args.epilogue == Epilogue::none)
    return args.k == 0 ? clear_output(context, args) : multiply(context, args);
  require(
      args.bias != nullptr && args.write == Write::overwrite && !args.trans_a && !args.wide_out &&
          args.k > 0,
      "[matmul] an epilogue needs a bias, an overwritten output of the dtype of a, an a that is "
      "not transposed and k > 0, got k {}.",
      args.k);
  if (args.epilogue == Epilogue::bias) return multiply(context, args);
  if (may_fuse_gelu(args) && products().run(context, args)) return;
  require(args.ldc == args.n && args.batch == 1,
          "[matmul] this GELU needs a contiguous output, got rows {} apart for n {}, batch {}.",
          args.ldc, args.n, args.batch);
  MatmulArgs product = args;
  product.epilogue = Epilogue::bias;
  product.pre_activation = nullptr;
  if (args.pre_activation != nullptr) product.out = args.pre_activation;
  multiply(context, product);
  const bool erf = args.epilogue == Epilogue::bias_gelu_erf;
  gelu_forward(context, {.dtype = args.dtype,
                         .form = erf ? GeluForm::erf : GeluForm::tanh,
                         .out = args.out,
                         .x = product.out,
                         .count = args.m * args.n});
}

}  // namespace seqpe::kernels::cuda
