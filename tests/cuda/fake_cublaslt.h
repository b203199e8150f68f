// cuBLASLt as NVIDIA documents it (https://docs.nvidia.com/cuda/cublas/#using-the-cublaslt-api),
// computed on the CPU: what our wrapper asks for is tested where there is no GPU.
#pragma once

namespace seqpe::test {

/// Whether the library says that it has no product with a GELU.
extern bool cublaslt_refuses_gelu;
/// Whether the search for an algorithm fails.
extern bool cublaslt_fails;

/// Products that were asked for, in all and with a GELU.
extern int cublaslt_products, cublaslt_gelu_products;

/// Products that were described as TF32 ones.
extern int cublaslt_tf32_products;

}  // namespace seqpe::test
