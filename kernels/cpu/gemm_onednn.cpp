// GEMM by oneDNN: dnnl_sgemm for f32, the matmul primitive (kept by shape) for bf16, which it
// computes with AVX-512 BF16 or AMX where the processor has them. f64, small batched products and
// what oneDNN cannot do on this processor (bf16 without AVX-512) go to our own loops.
#include <oneapi/dnnl/dnnl.hpp>

#include <map>
#include <mutex>
#include <tuple>

#include "kernels/common/error.h"
#include "kernels/cpu/gemm_plain.h"

namespace seqpe::kernels::cpu {
namespace {

void multiply_f32(const MatmulArgs& args) {
  const float beta = args.write == Write::accumulate ? 1.0f : 0.0f;
  for (std::int64_t item = 0; item < args.batch; ++item) {
    const dnnl_status_t status =
        dnnl_sgemm(args.trans_a ? 'T' : 'N', args.trans_b ? 'T' : 'N', args.m, args.n, args.k,
                   static_cast<float>(args.alpha),
                   static_cast<const float*>(args.a) + item * args.batch_stride_a, args.lda,
                   static_cast<const float*>(args.b) + item * args.batch_stride_b, args.ldb, beta,
                   static_cast<float*>(args.out) + item * args.batch_stride_out, args.ldc);
    require(status == dnnl_success,
            "[matmul] dnnl_sgemm failed with status {} for m {}, n {}, k {}.",
            static_cast<int>(status), args.m, args.n, args.k);
  }
}

/// bf16 primitives by shape: creating one costs about a millisecond.
class Bf16Products {
 public:
  /// False, and nothing done, if oneDNN has no bf16 product for this processor.
  bool run(const MatmulArgs& args) {
    const std::lock_guard lock(mutex_);
    const Key key{args.m,   args.n,       args.k,       args.lda,   args.ldb,
                  args.ldc, args.trans_a, args.trans_b, args.alpha, args.write};
    auto found = products_.find(key);
    if (found == products_.end()) found = products_.emplace(key, create(args)).first;
    const Product& product = found->second;
    if (!product.primitive) return false;
    const auto memory = [&](const dnnl::memory::desc& desc, const void* data, std::int64_t offset) {
      return dnnl::memory(desc, engine_,
                          const_cast<bf16*>(static_cast<const bf16*>(data) + offset));
    };
    for (std::int64_t item = 0; item < args.batch; ++item) {
      product.primitive.execute(
          stream_, {{DNNL_ARG_SRC, memory(product.a, args.a, item * args.batch_stride_a)},
                    {DNNL_ARG_WEIGHTS, memory(product.b, args.b, item * args.batch_stride_b)},
                    {DNNL_ARG_DST, memory(product.out, args.out, item * args.batch_stride_out)}});
    }
    stream_.wait();
    return true;
  }

 private:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, bool, bool, double, Write>;
  struct Product {
    dnnl::memory::desc a, b, out;
    dnnl::matmul primitive;  // empty: not supported
  };

  Product create(const MatmulArgs& args) const {
    const auto type = dnnl::memory::data_type::bf16;
    const auto desc = [&](std::int64_t rows, std::int64_t columns, std::int64_t stride,
                          bool transposed) {
      return dnnl::memory::desc(
          {rows, columns}, type,
          transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1});
    };
    Product product{desc(args.m, args.k, args.lda, args.trans_a),
                    desc(args.k, args.n, args.ldb, args.trans_b),
                    desc(args.m, args.n, args.ldc, false),
                    {}};
    dnnl::primitive_attr attributes;
    if (args.alpha != 1.0) attributes.set_output_scales(0, {static_cast<float>(args.alpha)});
    if (args.write == Write::accumulate) {
      dnnl::post_ops sum;
      sum.append_sum(1.0f);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc description({product.a, product.b, product.out}, attributes,
                                                   engine_, /*allow_empty=*/true);
    if (description) product.primitive = dnnl::matmul(description);
    return product;
  }

  std::mutex mutex_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<Key, Product> products_;
};

void multiply_bf16(const MatmulArgs& args) {
  static Bf16Products products;
  if (!products.run(args)) gemm_plain(args);
}

}  // namespace

void gemm(const MatmulArgs& args) {
  // Below this a library call costs more than the product, and a batch of them is better spread
  // over the threads.
  constexpr std::int64_t kSmallProduct = 64 * 64 * 64;
  const bool small_batched = args.batch > 1 && args.m * args.n * args.k <= kSmallProduct;
  // oneDNN shares the sum over k of these matrix-vector products among the threads: their bits
  // would depend on the number of threads.
  const bool shared_sum = (args.m == 1 && !args.trans_b) || (args.n == 1 && args.trans_a);
  if (args.m == 0 || args.n == 0 || args.k == 0 || args.dtype == DType::f64 || small_batched ||
      shared_sum) {
    return gemm_plain(args);
  }
  if (args.dtype == DType::f32) return multiply_f32(args);
  multiply_bf16(args);
}

}  // namespace seqpe::kernels::cpu
