#include "tests/cuda/fake_cudnn.h"

#include <cstring>
#include <vector>

#include "tests/cuda/fake_cudnn_descriptor.h"
#include "tests/cuda/fake_cudnn_graph.h"

namespace seqpe::test {

FakeCudnn& fake_cudnn() {
  static FakeCudnn fake;
  return fake;
}

namespace {

std::string last_words;

FakeDescriptor& of(cudnnBackendDescriptor_t descriptor) {
  return *static_cast<FakeDescriptor*>(descriptor);
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

/// Fails as a test wants it.
void succeed(cudnnStatus_t status, const std::string& words) {
  if (status != CUDNN_STATUS_SUCCESS) throw FakeRefusal{words, status};
}

void finalize(FakeDescriptor& d) {
  demand(!d.finalized, "finalized twice");
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      check_tensor(d);
      break;
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RNG_DESCRIPTOR:
      check_operation(d);
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
      ++fake_cudnn().plans_tried;
      succeed(fake_cudnn().plan_status, "no engine of the fake");
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
  } catch (const FakeRefusal& refused) {
    last_words = refused.words;
    return refused.status;
  }
}

cudnnStatus_t set_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t type, std::int64_t count,
                            const void* values) {
  return call([&] {
    FakeDescriptor& d = of(descriptor);
    demand(!d.finalized, "set after it was finalized");
    const auto* const from = static_cast<const char*>(values);
    d.attributes[name] = {type, {from, from + static_cast<std::size_t>(count) * size_of(type)}};
  });
}

cudnnStatus_t get_attribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                            cudnnBackendAttributeType_t, std::int64_t most, std::int64_t* count,
                            void* values) {
  return call([&] {
    const FakeDescriptor& d = of(descriptor);
    demand(d.finalized && most > 0, "asked before it was finalized");
    *count = 1;
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
      FakeDescriptor& engine = of(*static_cast<cudnnBackendDescriptor_t*>(values));
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
    const auto numbers = of(variant_pack).values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    fake.numbers = {numbers.begin(), numbers.end()};
    const FakeDescriptor& graph = of(plan)
                                      .descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                                      .descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    run_operations(graph.values<void*>(CUDNN_ATTR_OPERATIONGRAPH_OPS), of(variant_pack));
    succeed(fake.run_status, "no run of the fake");  // at its end: what it wrote is there
    ++fake.runs;
  });
}

cudnnStatus_t create(cudnnHandle_t* handle) {
  return call([&] {
    static char fake;
    succeed(fake_cudnn().handle_status, "no handle of the fake");
    *handle = reinterpret_cast<cudnnHandle_t>(&fake);
  });
}

cudnnStatus_t set_stream(cudnnHandle_t, cudaStream_t stream) {
  fake_cudnn().stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t create_descriptor(cudnnBackendDescriptorType_t type,
                                cudnnBackendDescriptor_t* descriptor) {
  *descriptor = new FakeDescriptor{type};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t destroy_descriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<FakeDescriptor*>(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

const char* error_string(cudnnStatus_t status) {
  switch (CUDNN_STATUS_CATEGORY(status)) {
    case CUDNN_STATUS_BAD_PARAM:
      return "bad parameter";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "not supported";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "execution failed";
    default:
      return "internal error";
  }
}

void last_error_string(char* to, std::size_t size) {
  std::strncpy(to, last_words.c_str(), size - 1);
}

}  // namespace
}  // namespace seqpe::test

namespace seqpe::kernels::cuda {

int compute_capability() {
  return test::fake_cudnn().compute_capability;
}

const CudnnFunctions* cudnn_functions(std::string& why) {
  static const CudnnFunctions functions = {
      .get_version = [] { return std::size_t{91900}; },
      .error_string = test::error_string,
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
