// GEMM by oneDNN: the matmul primitive (kept by shape) for bf16, which it computes with AVX-512
// BF16 or AMX, and dnnl_sgemm for f32 products of few rows. f64, small products, f32 products of
// more rows, which our own loops compute faster, and bf16 on every other processor go to those.
#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <csignal>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "kernels/common/cut.h"
#include "kernels/common/error.h"
#include "kernels/common/parallel.h"
#include "kernels/common/scratch.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/gemm_packed.h"

namespace seqpe::kernels::cpu {
namespace {

/// Holds this thread's signals back. The AVX2 code of oneDNN 2.6 keeps another pointer than the
/// stack's in the stack register: the frame of a handler that runs meanwhile lands in the heap.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

/// Rows and columns of an item's output, and the terms of their sums.
struct Part {
  std::int64_t row, rows, column, columns, term, terms;
};

/// dnnl_sgemm of a part of an item. out: that of the part's first row and column.
dnnl_status_t multiply_part(const MatmulArgs& args, std::int64_t item, const Part& part, float* out,
                            std::int64_t ldc, float beta) {
  const auto at = [](bool transposed, std::int64_t row, std::int64_t column, std::int64_t stride) {
    return transposed ? column * stride + row : row * stride + column;
  };
  const SignalsHeld held;
  return dnnl_sgemm(args.trans_a ? 'T' : 'N', args.trans_b ? 'T' : 'N', part.rows, part.columns,
                    part.terms, static_cast<float>(args.alpha),
                    static_cast<const float*>(args.a) + item * args.batch_stride_a +
                        at(args.trans_a, part.row, part.term, args.lda),
                    args.lda,
                    static_cast<const float*>(args.b) + item * args.batch_stride_b +
                        at(args.trans_b, part.term, part.column, args.ldb),
                    args.ldb, beta, out, ldc);
}

constexpr std::int64_t kPieces = 4;

void check(int status, const MatmulArgs& args) {
  require<OutOfMemoryError>(status != dnnl_out_of_memory,
                            "[matmul] oneDNN is out of memory for m {}, n {}, k {}.", args.m,
                            args.n, args.k);
  require(status == dnnl_success, "[matmul] dnnl_sgemm failed with status {} for m {}, n {}, k {}.",
          status, args.m, args.n, args.k);
}

/// Each item in pieces of its output. Four along the longer side run at the rate of an uncut call;
/// beyond four threads there is one for each.
void multiply_by_outputs(const MatmulArgs& args) {
  const bool by_rows = args.m >= args.n;
  // A multiple of the blocks of every processor.
  const Cut cut = cut_evenly(by_rows ? args.m : args.n, by_rows ? 8 : 48,
                             std::max<std::int64_t>(kPieces, omp_get_max_threads()));
  const float beta = args.write == Write::accumulate ? 1.0f : 0.0f;
  int status = dnnl_success;
#pragma omp parallel for schedule(static) reduction(max : status)
  for (std::int64_t task = 0; task < args.batch * cut.pieces; ++task) {
    const std::int64_t item = task / cut.pieces, piece = task % cut.pieces;
    const std::int64_t begin = begin_of(cut, piece), size = size_of_piece(cut, piece);
    const Part part =
        by_rows ? Part{begin, size, 0, args.n, 0, args.k} : Part{0, args.m, begin, size, 0, args.k};
    float* out = static_cast<float*>(args.out) + item * args.batch_stride_out +
                 part.row * args.ldc + part.column;
    status = std::max<int>(status, multiply_part(args, item, part, out, args.ldc, beta));
  }
  check(status, args);
}

/// One item in four pieces of its sums, which are then added up in order.
void multiply_by_terms(const MatmulArgs& args) {
  const Cut cut = cut_evenly(args.k, 8, kPieces);
  const std::int64_t count = args.m * args.n;
  const Scratch memory(static_cast<std::size_t>((cut.pieces - 1) * count) * sizeof(float));
  auto* const out = static_cast<float*>(args.out);
  auto* const sums = memory.as<float>();  // of the second piece and those behind it
  const float beta = args.write == Write::accumulate ? 1.0f : 0.0f;
  int status = dnnl_success;
#pragma omp parallel for schedule(static) reduction(max : status)
  for (std::int64_t piece = 0; piece < cut.pieces; ++piece) {
    const Part part{0, args.m, 0, args.n, begin_of(cut, piece), size_of_piece(cut, piece)};
    status = std::max<int>(
        status, piece == 0
                    ? multiply_part(args, 0, part, out, args.ldc, beta)
                    : multiply_part(args, 0, part, sums + (piece - 1) * count, args.n, 0.0f));
  }
  check(status, args);
  parallel_chunks(args.m, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) {
      float* const to = out + row * args.ldc;
      for (std::int64_t piece = 1; piece < cut.pieces; ++piece) {
        const float* const from = sums + (piece - 1) * count + row * args.n;
        for (std::int64_t c = 0; c < args.n; ++c) to[c] += from[c];
      }
    }
  });
}

/// Packing b costs our own loops too much where few rows share it.
#ifdef __SANITIZE_ADDRESS__  // each load of theirs is checked: beyond their own tests that takes
                             // too long
constexpr std::int64_t kFewRows = std::numeric_limits<std::int64_t>::max();
#else
constexpr std::int64_t kFewRows = 128;
#endif

/// In pieces, each one thread's: inside a parallel region oneDNN uses no other. Left to itself it
/// would cut by the number of threads, often through the sum over k, and the bits would depend on
/// that number (in 40% of 5,300 shapes with AVX2). Gradients of weights sum over all tokens: with
/// more terms than rows or columns, pieces of the output would be small and slow.
void multiply_f32(const MatmulArgs& args) {
  const bool many_terms = args.trans_a && args.batch == 1 && args.k > std::max(args.m, args.n);
  if (many_terms && omp_get_max_threads() <= kPieces) return multiply_by_terms(args);
  multiply_by_outputs(args);
}

/// bf16 primitives by shape: creating one costs about a millisecond.
class Bf16Products {
 public:
  /// False, and nothing done, if oneDNN has no bf16 product for this processor.
  bool run(const MatmulArgs& args) {
    const std::lock_guard lock(mutex_);  // while it runs, too: primitives may share scratch
    const Key key{args.m,       args.n,       args.k,     args.lda,   args.ldb,     args.ldc,
                  args.trans_a, args.trans_b, args.alpha, args.write, args.wide_out};
    auto found = products_.find(key);
    if (found == products_.end() && products_.size() == kMostProducts) products_.clear();
    if (found == products_.end()) found = products_.emplace(key, create(args)).first;
    const Product& product = found->second;
    if (!product.primitive) return false;
    const auto memory = [&](const dnnl::memory::desc& desc, const void* data, DType dtype,
                            std::int64_t offset) {
      const auto* bytes = static_cast<const std::byte*>(data);
      return dnnl::memory(
          desc, engine_,
          const_cast<std::byte*>(bytes + offset * static_cast<std::int64_t>(size_of(dtype))));
    };
    for (std::int64_t item = 0; item < args.batch; ++item) {
      product.primitive.execute(
          stream_,
          {{DNNL_ARG_SRC, memory(product.a, args.a, args.dtype, item * args.batch_stride_a)},
           {DNNL_ARG_WEIGHTS, memory(product.b, args.b, args.dtype, item * args.batch_stride_b)},
           {DNNL_ARG_DST,
            memory(product.out, args.out, out_dtype(args), item * args.batch_stride_out)}});
    }
    stream_.wait();
    return true;
  }

 private:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, bool, bool, double, Write, bool>;
  struct Product {
    dnnl::memory::desc a, b, out;
    dnnl::matmul primitive;  // empty: not supported
  };

  Product create(const MatmulArgs& args) const {
    using Type = dnnl::memory::data_type;
    const auto desc = [&](std::int64_t rows, std::int64_t columns, std::int64_t stride,
                          bool transposed, Type type = Type::bf16) {
      return dnnl::memory::desc(
          {rows, columns}, type,
          transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1});
    };
    Product product{desc(args.m, args.k, args.lda, args.trans_a),
                    desc(args.k, args.n, args.ldb, args.trans_b),
                    desc(args.m, args.n, args.ldc, false, args.wide_out ? Type::f32 : Type::bf16),
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

  static constexpr std::size_t kMostProducts = 1024;
  std::mutex mutex_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::map<Key, Product> products_;
};

/// False, and nothing done, if our own loops are to compute it.
bool multiply(const MatmulArgs& args) {
  if (args.dtype == DType::f64 || is_small(args)) return false;
  if (args.dtype == DType::bf16) {
    static Bf16Products products;
    return products.run(args);
  }
  if (args.m > kFewRows) return false;
  multiply_f32(args);
  return true;
}

}  // namespace

void gemm(const MatmulArgs& args) {
  if (!multiply(args)) return gemm_packed(args);
  matmul_epilogue(args);
}

}  // namespace seqpe::kernels::cpu
