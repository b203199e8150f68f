// What the operations of a graph compute, as cuDNN's manual defines them.
#include "tests/cuda/fake_cudnn_graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "kernels/common/bf16.h"
#include "kernels/common/philox.h"

namespace seqpe::test {
namespace {

using Sizes = std::array<std::int64_t, 4>;

struct Tensor {
  std::int64_t number;
  cudnnDataType_t type;
  Sizes sizes, strides;
  bool is_between, is_constant;

  explicit Tensor(const FakeDescriptor& d)
      : number(d.value<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)),
        type(d.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)),
        sizes(d.value<Sizes>(CUDNN_ATTR_TENSOR_DIMENSIONS)),
        strides(d.value<Sizes>(CUDNN_ATTR_TENSOR_STRIDES)),
        is_between(d.value<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL)),
        is_constant(d.value<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE)) {
    demand(d.value<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT) >= 4, "alignment");
    demand(std::all_of(sizes.begin(), sizes.end(), [](std::int64_t n) { return n > 0; }),
           "sizes must be positive");
  }
  std::int64_t count() const { return sizes[0] * sizes[1] * sizes[2] * sizes[3]; }
  std::int64_t offset(const Sizes& at) const {
    std::int64_t sum = 0;
    for (int d = 0; d < 4; ++d) {
      // A dimension of size 1 is stretched.
      if (sizes[d] > 1) sum += at[d] * strides[d];
    }
    return sum;
  }
  std::int64_t reach() const {
    return offset({sizes[0] - 1, sizes[1] - 1, sizes[2] - 1, sizes[3] - 1}) + 1;
  }
  bool fits(const Tensor& other) const {
    for (int d = 0; d < 4; ++d) {
      if (sizes[d] != 1 && sizes[d] != other.sizes[d]) return false;
    }
    return true;
  }
};

void for_each(const Sizes& sizes, const std::function<void(const Sizes&)>& f) {
  Sizes at;
  for (at[0] = 0; at[0] < sizes[0]; ++at[0])
    for (at[1] = 0; at[1] < sizes[1]; ++at[1])
      for (at[2] = 0; at[2] < sizes[2]; ++at[2])
        for (at[3] = 0; at[3] < sizes[3]; ++at[3]) f(at);
}

/// One run of a graph: what lies between operations, and the memory by number.
class Run {
 public:
  explicit Run(const FakeDescriptor& pack) {
    const auto numbers = pack.values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const auto memory = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    demand(numbers.size() == memory.size(), "as many numbers as pointers");
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      demand(memory[i] != nullptr, "memory " + std::to_string(numbers[i]) + " is null");
      demand(memory_.emplace(numbers[i], memory[i]).second, "a number twice");
    }
  }

  double load(const Tensor& t, const Sizes& at) {
    const std::int64_t i = t.offset(at);
    if (t.is_between) {
      const auto found = between_.find(t.number);
      demand(found != between_.end(), "what no operation computed is read");
      return found->second[static_cast<std::size_t>(i)];
    }
    const void* const data = memory(t);
    switch (t.type) {
      case CUDNN_DATA_FLOAT:
        return static_cast<const float*>(data)[i];
      case CUDNN_DATA_BFLOAT16:
        return static_cast<float>(static_cast<const bf16*>(data)[i]);
      case CUDNN_DATA_INT32:
        return static_cast<const std::int32_t*>(data)[i];
      default:
        throw FakeRefusal{"a type in memory"};
    }
  }
  /// All elements, in order.
  std::vector<double> load(const Tensor& t) {
    std::vector<double> values;
    for_each(t.sizes, [&](const Sizes& at) { values.push_back(load(t, at)); });
    return values;
  }
  std::int64_t integer(const Tensor& t) {
    demand(t.type == CUDNN_DATA_INT64 && t.count() == 1 && !t.is_between, "one int64 in memory");
    return *static_cast<const std::int64_t*>(memory(t));
  }
  void store(const Tensor& t, const Sizes& at, double value) {
    const std::int64_t i = t.offset(at);
    if (t.is_between) {
      auto& values = between_[t.number];
      values.resize(static_cast<std::size_t>(t.reach()), NAN);
      values[static_cast<std::size_t>(i)] =
          t.type == CUDNN_DATA_BFLOAT16 ? static_cast<float>(bf16(static_cast<float>(value)))
                                        : static_cast<float>(value);
      return;
    }
    demand(!t.is_constant, "a constant is written");
    void* const data = memory(t);
    if (t.type == CUDNN_DATA_FLOAT) {
      static_cast<float*>(data)[i] = static_cast<float>(value);
    } else {
      demand(t.type == CUDNN_DATA_BFLOAT16, "a type in memory");
      static_cast<bf16*>(data)[i] = bf16(static_cast<float>(value));
    }
  }

 private:
  void* memory(const Tensor& t) {
    const auto found = memory_.find(t.number);
    if (found == memory_.end())
      throw FakeRefusal{"memory " + std::to_string(t.number) + " is not named"};
    return found->second;
  }

  std::map<std::int64_t, void*> memory_;
  std::map<std::int64_t, std::vector<double>> between_;
};

void matmul(Run* run, const FakeDescriptor& d) {
  const Tensor a(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_ADESC)),
      b(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_BDESC)),
      out(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_CDESC));
  demand(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_DESC)
                 .value<cudnnDataType_t>(CUDNN_ATTR_MATMUL_COMP_TYPE) == CUDNN_DATA_FLOAT,
         "a product is computed in float32");
  const std::int64_t terms = a.sizes[3];
  demand(out.sizes == Sizes{a.sizes[0], a.sizes[1], a.sizes[2], b.sizes[3]} &&
             b.sizes == Sizes{a.sizes[0], a.sizes[1], terms, b.sizes[3]},
         "sizes of a product");
  if (run == nullptr) return;
  const std::vector<double> left = run->load(a), right = run->load(b);
  const std::int64_t columns = b.sizes[3];
  for_each(out.sizes, [&](const Sizes& at) {
    const std::int64_t item = at[0] * out.sizes[1] + at[1];
    const double* const row = &left[static_cast<std::size_t>((item * a.sizes[2] + at[2]) * terms)];
    const double* const column = &right[static_cast<std::size_t>(item * terms * columns + at[3])];
    double sum = 0;
    for (std::int64_t k = 0; k < terms; ++k) sum += row[k] * column[k * columns];
    run->store(out, at, sum);
  });
}

double evaluate(cudnnPointwiseMode_t mode, double x, double b, double t) {
  switch (mode) {
    case CUDNN_POINTWISE_ADD:
      return x + b;
    case CUDNN_POINTWISE_SUB:
      return x - b;
    case CUDNN_POINTWISE_MUL:
      return x * b;
    case CUDNN_POINTWISE_DIV:
      return x / b;
    case CUDNN_POINTWISE_EXP:
      return std::exp(x);
    case CUDNN_POINTWISE_LOG:
      return std::log(x);
    case CUDNN_POINTWISE_IDENTITY:
      return x;
    case CUDNN_POINTWISE_CMP_GE:
      return x >= b ? 1 : 0;
    case CUDNN_POINTWISE_BINARY_SELECT:
      return t != 0 ? x : b;
    default:
      throw FakeRefusal{"mode " + std::to_string(mode) + " of a pointwise operation"};
  }
}

int operands_of(cudnnPointwiseMode_t mode) {
  switch (mode) {
    case CUDNN_POINTWISE_GEN_INDEX:
    case CUDNN_POINTWISE_EXP:
    case CUDNN_POINTWISE_LOG:
    case CUDNN_POINTWISE_IDENTITY:
      return 1;
    case CUDNN_POINTWISE_BINARY_SELECT:
      return 3;
    default:
      return 2;
  }
}

void pointwise(Run* run, const FakeDescriptor& d) {
  const FakeDescriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  const auto mode = setting.value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  setting.value<cudnnDataType_t>(CUDNN_ATTR_POINTWISE_MATH_PREC);
  const Tensor x(d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)),
      out(d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
  const auto optional = [&](cudnnBackendAttributeName_t name) {
    return d.has(name) ? std::optional<Tensor>(Tensor(d.descriptor(name))) : std::nullopt;
  };
  const auto b = optional(CUDNN_ATTR_OPERATION_POINTWISE_BDESC),
             t = optional(CUDNN_ATTR_OPERATION_POINTWISE_TDESC);
  demand(1 + b.has_value() + t.has_value() == operands_of(mode), "operands of a pointwise");
  demand(x.sizes == out.sizes && (!b || b->fits(out)) && (!t || t->fits(out)),
         "sizes of a pointwise");
  const auto axis = mode == CUDNN_POINTWISE_GEN_INDEX
                        ? setting.value<std::int64_t>(CUDNN_ATTR_POINTWISE_AXIS)
                        : 0;
  if (run == nullptr) return;
  for_each(out.sizes, [&](const Sizes& at) {
    if (mode == CUDNN_POINTWISE_GEN_INDEX)
      return run->store(out, at, static_cast<double>(at[static_cast<std::size_t>(axis)]));
    run->store(
        out, at,
        evaluate(mode, run->load(x, at), b ? run->load(*b, at) : 0, t ? run->load(*t, at) : 0));
  });
}

void reduction(Run* run, const FakeDescriptor& d) {
  const FakeDescriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
  const auto op = setting.value<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR);
  demand(op == CUDNN_REDUCE_TENSOR_ADD || op == CUDNN_REDUCE_TENSOR_MAX, "kind of a reduction");
  const Tensor x(d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_XDESC)),
      out(d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_YDESC));
  demand(out.sizes == Sizes{x.sizes[0], x.sizes[1], x.sizes[2], 1}, "sizes of a reduction");
  if (run == nullptr) return;
  for_each(out.sizes, [&](const Sizes& at) {
    double result = op == CUDNN_REDUCE_TENSOR_ADD ? 0 : -INFINITY;
    for (std::int64_t j = 0; j < x.sizes[3]; ++j) {
      const double value = run->load(x, {at[0], at[1], at[2], j});
      result = op == CUDNN_REDUCE_TENSOR_ADD ? result + value : std::max(result, value);
    }
    run->store(out, at, result);
  });
}

/// The same elements in the same places, under other sizes and strides.
void reshape(Run* run, const FakeDescriptor& d) {
  const Tensor x(d.descriptor(CUDNN_ATTR_OPERATION_RESHAPE_XDESC)),
      out(d.descriptor(CUDNN_ATTR_OPERATION_RESHAPE_YDESC));
  demand(x.count() == out.count() && x.reach() == out.reach(), "sizes of a reshape");
  if (run == nullptr) return;
  std::map<std::int64_t, Sizes> places;
  for_each(x.sizes, [&](const Sizes& at) { places[x.offset(at)] = at; });
  for_each(out.sizes, [&](const Sizes& at) {
    const auto found = places.find(out.offset(at));
    demand(found != places.end(), "strides of a reshape");
    run->store(out, at, run->load(x, found->second));
  });
}

/// Whether the weight of element `index` is kept with `probability`.
bool keeps(double probability, std::int64_t seed, std::int64_t offset, std::int64_t index) {
  const PhiloxKey key{.seed = static_cast<std::uint64_t>(seed),
                      .stream = static_cast<std::uint32_t>(offset),
                      .step = static_cast<std::uint32_t>(offset >> 32)};
  return philox_word(key, static_cast<std::uint64_t>(index)) < probability * 4294967296.0;
}

void random_numbers(Run* run, const FakeDescriptor& d) {
  const FakeDescriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_RNG_DESC);
  demand(setting.value<cudnnRngDistribution_t>(CUDNN_ATTR_RNG_DISTRIBUTION) ==
             CUDNN_RNG_DISTRIBUTION_BERNOULLI,
         "distribution");
  const auto probability = setting.value<double>(CUDNN_ATTR_RNG_BERNOULLI_DIST_PROBABILITY);
  const Tensor out(d.descriptor(CUDNN_ATTR_OPERATION_RNG_YDESC)),
      seed(d.descriptor(CUDNN_ATTR_OPERATION_RNG_SEED)),
      offset(d.descriptor(CUDNN_ATTR_OPERATION_RNG_OFFSET_DESC));
  if (run == nullptr) return;
  const std::int64_t s = run->integer(seed), o = run->integer(offset);
  for_each(out.sizes, [&](const Sizes& at) {
    run->store(out, at, keeps(probability, s, o, out.offset(at)) ? 1 : 0);
  });
}

/// Checks an operation or, given a run, does it.
void operate(Run* run, const FakeDescriptor& d) {
  switch (d.type) {
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      return matmul(run, d);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return pointwise(run, d);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
      return reduction(run, d);
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
      return reshape(run, d);
    case CUDNN_BACKEND_OPERATION_RNG_DESCRIPTOR:
      return random_numbers(run, d);
    default:
      throw FakeRefusal{"operation " + std::to_string(d.type)};
  }
}

}  // namespace

void check_tensor(const FakeDescriptor& tensor) {
  Tensor{tensor};
}

void check_operation(const FakeDescriptor& operation) {
  operate(nullptr, operation);
}

void run_operations(const std::vector<void*>& operations, const FakeDescriptor& pack) {
  Run run(pack);
  for (void* operation : operations) operate(&run, *static_cast<FakeDescriptor*>(operation));
}

}  // namespace seqpe::test
