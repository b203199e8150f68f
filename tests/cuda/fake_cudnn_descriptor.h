// The fake cuDNN's descriptors: attributes under names, as they were set, until all are there.
#pragma once

#include <cudnn_graph.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace seqpe::test {

/// Ends a call to the library with its status.
struct FakeRefusal {
  std::string words;
  cudnnStatus_t status = CUDNN_STATUS_BAD_PARAM;
};

/// Also for every element, so that only a refusal may cost a string.
inline void demand(bool condition, std::string_view words) {
  if (!condition) throw FakeRefusal{std::string(words)};
}

struct FakeAttribute {
  cudnnBackendAttributeType_t type;
  std::vector<char> bytes;
};

struct FakeDescriptor {
  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<cudnnBackendAttributeName_t, FakeAttribute> attributes;

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
  const FakeDescriptor& descriptor(cudnnBackendAttributeName_t name) const {
    const FakeDescriptor& found = *static_cast<const FakeDescriptor*>(value<void*>(name));
    demand(found.finalized, "descriptor " + std::to_string(name) + " is not finalized");
    return found;
  }
};

}  // namespace seqpe::test
