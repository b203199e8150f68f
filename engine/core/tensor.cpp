#include "engine/core/tensor.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/core/allocator.h"
#include "engine/core/variable.h"
#include "kernels/copy.h"
#include "kernels/device.h"

namespace seqpe {

namespace {

/// True if the bytes of the shape can be counted.
bool fits_memory(const Shape& shape, DType dtype) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return true;
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  left /= static_cast<std::int64_t>(size_of(dtype));
  for (const std::int64_t extent : shape) left /= extent;
  return left > 0;
}

}  // namespace

Storage::Storage(std::size_t bytes, Device device)
    : data_(static_cast<std::byte*>(allocator(device).allocate(bytes))),
      bytes_(bytes),
      device_(device) {}

Storage::~Storage() {
  allocator(device_).deallocate(data_, bytes_);
}

Tensor Tensor::empty(Shape shape, DType dtype, Device device) {
  for (const std::int64_t extent : shape) {
    require(extent >= 0, "[tensor] extents must be >= 0, got {}.", to_string(shape));
  }
  require<DeviceError>(fits_memory(shape, dtype), "[tensor] {} {} is more than memory can hold.",
                       name_of(dtype), to_string(shape));
  auto impl = std::make_shared<Impl>();
  const auto bytes = static_cast<std::size_t>(element_count(shape)) * size_of(dtype);
  impl->storage = std::make_shared<Storage>(bytes, device);
  impl->shape = std::move(shape);
  impl->dtype = dtype;
  return Tensor(std::move(impl));
}

Tensor Tensor::zeros(Shape shape, DType dtype, Device device) {
  Tensor tensor = empty(std::move(shape), dtype, device);
  tensor.clear();
  return tensor;
}

Tensor Tensor::full(Shape shape, double value, DType dtype, Device device) {
  Tensor tensor = empty(std::move(shape), dtype, device);
  tensor.fill(value);
  return tensor;
}

std::int64_t Tensor::dim(std::int64_t index) const {
  const std::int64_t place = index < 0 ? index + rank() : index;
  require(place >= 0 && place < rank(), "[tensor] dimension {} does not exist in shape {}.", index,
          to_string(shape()));
  return shape()[static_cast<std::size_t>(place)];
}

Context Tensor::context() const {
  return device() == Device::cuda ? kernels::device_context() : Context{};
}

double Tensor::item() const {
  require(numel() == 1, "[tensor] item() needs one element, got shape {}.", to_string(shape()));
  const Tensor here = to(Device::cpu);
  double value = 0;
  dispatch_floating("item", dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    value = static_cast<double>(static_cast<Acc<T>>(*here.data_as<T>()));
  });
  return value;
}

Tensor Tensor::view(Shape wanted) const {
  const Shape asked = wanted;
  const auto open = std::find(wanted.begin(), wanted.end(), -1);
  if (open != wanted.end()) {
    *open = 1;
    const std::int64_t rest = fits_memory(wanted, dtype()) ? element_count(wanted) : 0;
    *open = rest == 0 ? 0 : numel() / rest;
  }
  const bool counts = std::all_of(wanted.begin(), wanted.end(), [](auto n) { return n >= 0; });
  require(counts && fits_memory(wanted, dtype()) && element_count(wanted) == numel(),
          "[view] shape {} of {} elements cannot be seen as {}.", to_string(shape()), numel(),
          to_string(asked));
  auto impl = std::make_shared<Impl>(*impl_);
  impl->shape = std::move(wanted);
  return Tensor(std::move(impl));
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  require(rank() >= 1 && begin >= 0 && begin <= end && end <= dim(0),
          "[rows] [{}, {}) does not lie in shape {}.", begin, end, to_string(shape()));
  auto impl = std::make_shared<Impl>(*impl_);
  const std::size_t row_bytes = dim(0) == 0 ? 0 : bytes() / static_cast<std::size_t>(dim(0));
  impl->offset += static_cast<std::size_t>(begin) * row_bytes;
  impl->shape[0] = end - begin;
  impl->variable = nullptr;
  return Tensor(std::move(impl));
}

Tensor Tensor::bytes_as(std::int64_t begin, Shape wanted, DType as) const {
  const auto size = static_cast<std::int64_t>(size_of(as));
  require(dtype() == DType::u8 && begin >= 0 && begin % size == 0 && fits_memory(wanted, as) &&
              element_count(wanted) * size <= numel() - begin,
          "[bytes_as] {} {} from byte {} on cannot be seen as {} {}.", name_of(dtype()),
          to_string(shape()), begin, name_of(as), to_string(wanted));
  auto impl = std::make_shared<Impl>(*impl_);
  impl->offset += static_cast<std::size_t>(begin);
  impl->shape = std::move(wanted);
  impl->dtype = as;
  impl->variable = nullptr;
  return Tensor(std::move(impl));
}

Tensor Tensor::detach() const {
  if (!defined()) return *this;
  auto impl = std::make_shared<Impl>(*impl_);
  impl->variable = nullptr;
  return Tensor(std::move(impl));
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape(), dtype(), device());
  copy.copy_from(*this);
  return copy;
}

Tensor Tensor::to(DType wanted) const {
  if (wanted == dtype()) return detach();
  Tensor out = empty(shape(), wanted, device());
  out.convert_from(*this);
  return out;
}

Tensor Tensor::to(Device wanted) const {
  if (wanted == device()) return detach();
  Tensor out = empty(shape(), dtype(), wanted);
  out.copy_from(*this);
  return out;
}

void Tensor::copy_from(const Tensor& source) const {
  require(shape() == source.shape() && dtype() == source.dtype(),
          "[copy_from] source must be {} {}, got {} {}.", name_of(dtype()), to_string(shape()),
          name_of(source.dtype()), to_string(source.shape()));
  const bool from_host = source.device() == Device::cpu;
  if (device() != Device::cpu) {
    const auto copy = from_host ? kernels::copy_to_device : kernels::copy_on_device;
    copy(context(), data(), source.data(), bytes());
  } else if (from_host) {
    std::memcpy(data(), source.data(), bytes());
  } else {
    kernels::copy_to_host(source.context(), data(), source.data(), bytes());
  }
}

void Tensor::convert_from(const Tensor& source) const {
  require(shape() == source.shape() && device() == source.device(),
          "[to] source must be {} on {}, got {} on {}.", to_string(shape()), name_of(device()),
          to_string(source.shape()), name_of(source.device()));
  kernels::convert(
      context(),
      {.from = source.dtype(), .to = dtype(), .out = data(), .x = source.data(), .count = numel()});
}

void Tensor::clear() const {
  if (device() == Device::cpu) {
    std::memset(data(), 0, bytes());
  } else {
    kernels::clear_bytes(context(), data(), bytes());
  }
}

void Tensor::fill(double value) const {
  if (value == 0.0) return clear();
  kernels::fill(context(), {.dtype = dtype(), .out = data(), .count = numel(), .value = value});
}

void Tensor::move_into(const Tensor& target) const {
  if (target.dtype() == dtype()) {
    target.copy_from(*this);
  } else {
    target.convert_from(*this);
  }
  impl_->storage = target.impl_->storage;
  impl_->offset = target.impl_->offset;
  impl_->dtype = target.impl_->dtype;
  if (!requires_grad()) return;
  if (impl_->variable->device != device()) {  // a gradient does not come along
    impl_->variable->grad = Tensor();
    impl_->variable->grad_written = false;
  }
  impl_->variable->device = device();
  impl_->variable->dtype = dtype();
}

Tensor& Tensor::set_requires_grad() {
  require(is_floating(dtype()), "[tensor] only floating tensors have gradients, this one is {}.",
          name_of(dtype()));
  impl_->variable = std::make_shared<autograd::Variable>();
  impl_->variable->shape = shape();
  impl_->variable->dtype = dtype();
  impl_->variable->device = device();
  return *this;
}

bool Tensor::requires_grad() const {
  return defined() && impl_->variable != nullptr;
}

Tensor Tensor::grad() const {
  if (!requires_grad() || !impl_->variable->grad_written) return {};
  return impl_->variable->grad.view(shape());
}

void Tensor::clear_grad() const {
  if (requires_grad()) impl_->variable->grad_written = false;
}

void Tensor::check_on_cpu() const {
  require(device() == Device::cpu,
          "[tensor] the host reads elements of CPU tensors only, this one is on {}.",
          name_of(device()));
}

void Tensor::check_dtype(DType asked) const {
  require(asked == dtype(), "[tensor] elements are {}, asked for as {}.", name_of(dtype()),
          name_of(asked));
}

}  // namespace seqpe
