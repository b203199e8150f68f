#include "tests/cuda/fake_cudnn.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kernels/common/bf16.h"
#include "kernels/common/philox.h"

namespace seqpe::test {

FakeCudnn& fake_cudnn() {
  static FakeCudnn fake;
  return fake;
}

bool fake_cudnn_keeps(double probability, std::int64_t seed, std::int64_t offset,
                      std::int64_t index) {
  const PhiloxKey key{.seed = static_cast<std::uint64_t>(seed),
                      .stream = static_cast<std::uint32_t>(offset),
                      .step = static_cast<std::uint32_t>(offset >> 32)};
  return philox_word(key, static_cast<std::uint64_t>(index)) < probability * 4294967296.0;
}

namespace {

using Sizes = std::array<std::int64_t, 4>;

std::string last_words;

/// Ends a call with the status of a bad parameter.
struct Refused {
  std::string words;
};

void demand(bool condition, const std::string& words) {
  if (!condition) throw Refused{words};
}

struct Attribute {
  cudnnBackendAttributeType_t type;
  std::vector<char> bytes;
};

struct Descriptor {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;

  bool has(cudnnBackendAttributeName_t name) const { return attributes.count(name) > 0; }
  template <typename T>
  T value(cudnnBackendAttributeName_t name) const {
    T value;
    const auto found = attributes.find(name);
    demand(found != attributes.end() && found->second.bytes.size() == sizeof(T),
           "attribute " + std::to_string(name) + " is missing or of another size");
    std::memcpy(&value, found->second.bytes.data(), sizeof(T));
    return value;
  }
  template <typename T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    demand(found != attributes.end(), "attribute " + std::to_string(name) + " is missing");
    std::vector<T> values(found->second.bytes.size() / sizeof(T));
    std::memcpy(values.data(), found->second.bytes.data(), values.size() * sizeof(T));
    return values;
  }
  const Descriptor& descriptor(cudnnBackendAttributeName_t name) const {
    const Descriptor& found = *static_cast<const Descriptor*>(value<void*>(name));
    demand(found.finalized, "descriptor " + std::to_string(name) + " is not finalized");
    return found;
  }
};

Descriptor& of(cudnnBackendDescriptor_t descriptor) {
  return *static_cast<Descriptor*>(descriptor);
}

std::size_t size_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
      return 1;
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_DOUBLE:
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
      return 8;
    default:
      return 4;
  }
}

struct Tensor {
  std::int64_t number;
  cudnnDataType_t type;
  Sizes sizes, strides;
  bool is_between, is_constant;

  explicit Tensor(const Descriptor& d)
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
  explicit Run(const Descriptor& pack) {
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
        throw Refused{"a type in memory"};
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
    demand(found != memory_.end(), "memory " + std::to_string(t.number) + " is not named");
    return found->second;
  }

  std::map<std::int64_t, void*> memory_;
  std::map<std::int64_t, std::vector<double>> between_;
};

void matmul(Run* run, const Descriptor& d) {
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
      throw Refused{"mode " + std::to_string(mode) + " of a pointwise operation"};
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

void pointwise(Run* run, const Descriptor& d) {
  const Descriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
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

void reduction(Run* run, const Descriptor& d) {
  const Descriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
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
void reshape(Run* run, const Descriptor& d) {
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

void random_numbers(Run* run, const Descriptor& d) {
  const Descriptor& setting = d.descriptor(CUDNN_ATTR_OPERATION_RNG_DESC);
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
    run->store(out, at, fake_cudnn_keeps(probability, s, o, out.offset(at)) ? 1 : 0);
  });
}

/// Checks an operation or, given a run, does it.
void operate(Run* run, const Descriptor& d) {
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
      throw Refused{"operation " + std::to_string(d.type)};
  }
}

void finalize(Descriptor& d) {
  demand(!d.finalized, "finalized twice");
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      Tensor{d};
      break;
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RNG_DESCRIPTOR:
      operate(nullptr, d);
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      for (void* op : d.values<void*>(CUDNN_ATTR_OPERATIONGRAPH_OPS))
        demand(of(op).finalized, "an operation is not finalized");
      d.value<void*>(CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      d.descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
      d.value<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE);
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      d.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
      d.value<void*>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
      demand(!fake_cudnn().refuses_plans, "no engine of the fake");
      ++fake_cudnn().plans;
      break;
    default:
      break;
  }
  d.finalized = true;
}

template <typename F>
cudnnStatus_t call(const F& f) {
  try {
    f();
    return CUDNN_STATUS_SUCCESS;
  } catch (const Refused& refused) {
    last_words = refused.words;
    return CUDNN_STATUS_BAD_PARAM;
  }
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, std::int64_t count,
                            const void* values) {
  return call([&] {
    Descriptor& d = of(descriptor);
    demand(!d.finalized, "set after it was finalized");
    const auto* const from = static_cast<const char*>(values);
    d.attributes[name] = {type, {from, from + static_cast<std::size_t>(count) * size_of(type)}};
  });
}

cudnnStatus_t get_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t, std::int64_t most, std::int64_t* count,
                            void* values) {
  return call([&] {
    const Descriptor& d = of(descriptor);
    demand(d.finalized && most > 0, "asked before it was finalized");
    *count = 1;
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
      Descriptor& engine = of(*static_cast<cudnnBackendDescriptor_t*>(values));
      demand(engine.type == CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "an engine's descriptor");
      engine.attributes = d.attributes;
      engine.finalized = true;
      return;
    }
    demand(name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, "what is asked");
    *static_cast<std::int64_t*>(values) = static_cast<std::int64_t>(fake_cudnn().workspace_bytes);
  });
}

cudnnStatus_t execute(cudnnHandle_t, cudnnBackendDescriptor_t plan,
                      cudnnBackendDescriptor_t variant_pack) {
  return call([&] {
    demand(of(plan).finalized && of(variant_pack).finalized, "run before it was finalized");
    FakeCudnn& fake = fake_cudnn();
    fake.workspace = of(variant_pack).value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
    demand(fake.workspace_bytes == 0 || fake.workspace != nullptr, "a run has no workspace");
    Run run(of(variant_pack));
    const auto numbers = of(variant_pack).values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    fake.numbers = {numbers.begin(), numbers.end()};
    const Descriptor& graph = of(plan)
                                  .descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                                  .descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    for (void* operation : graph.values<void*>(CUDNN_ATTR_OPERATIONGRAPH_OPS))
      operate(&run, of(operation));
    ++fake.runs;
  });
}

cudnnStatus_t create(cudnnHandle_t* handle) {
  static char fake;
  *handle = reinterpret_cast<cudnnHandle_t>(&fake);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t set_stream(cudnnHandle_t, cudaStream_t stream) {
  fake_cudnn().stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t create_descriptor(cudnnBackendDescriptorType_t type,
                                cudnnBackendDescriptor_t* descriptor) {
  *descriptor = new Descriptor{type};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t destroy_descriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<Descriptor*>(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

void last_error_string(char* to, std::size_t size) {
  std::strncpy(to, last_words.c_str(), size - 1);
}

}  // namespace
}  // namespace seqpe::test

namespace seqpe::kernels::cuda {

const CudnnFunctions* cudnn_functions(std::string& why) {
  static const CudnnFunctions functions = {
      .get_version = [] { return std::size_t{91900}; },
      .error_string = [](cudnnStatus_t) { return "bad parameter"; },
      .last_error_string = test::last_error_string,
      .create = test::create,
      .set_stream = test::set_stream,
      .create_descriptor = test::create_descriptor,
      .destroy_descriptor = test::destroy_descriptor,
      .set_attribute = test::set_attribute,
      .get_attribute = test::get_attribute,
      .finalize =
          [](cudnnBackendDescriptor_t d) {
            return test::call([&] { test::finalize(test::of(d)); });
          },
      .execute = test::execute};
  why = test::fake_cudnn().missing;
  return why.empty() ? &functions : nullptr;
}

}  // namespace seqpe::kernels::cuda
