// Tensor: a contiguous row-major array with a dtype and a device. A Tensor is a handle: copies
// share the elements. Views share storage too, and are always contiguous: another shape (view), or
// a run of the leading dimension (rows).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/shape.h"
#include "kernels/common/context.h"
#include "kernels/common/dtype.h"

namespace seqpe {

namespace autograd {
struct Variable;
}

/// A block of device memory, given back to the allocator by the last tensor that uses it.
class Storage {
 public:
  Storage(std::size_t bytes, Device device);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::byte* data() const { return data_; }
  Device device() const { return device_; }

 private:
  std::byte* data_;
  std::size_t bytes_;
  Device device_;
};

class Tensor {
 public:
  /// An undefined tensor: no elements, no shape. Only defined() may be asked.
  Tensor() = default;

  static Tensor empty(Shape shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor zeros(Shape shape, DType dtype = DType::f32, Device device = Device::cpu);
  static Tensor full(Shape shape, double value, DType dtype = DType::f32,
                     Device device = Device::cpu);
  /// Copies `values` (as many as the shape holds) into a new CPU tensor of T's dtype.
  template <typename T>
  static Tensor from(const Shape& shape, const std::vector<T>& values);

  bool defined() const { return impl_ != nullptr; }
  const Shape& shape() const { return impl_->shape; }
  std::int64_t rank() const { return static_cast<std::int64_t>(impl_->shape.size()); }
  /// Extent of a dimension; negative counts from the end.
  std::int64_t dim(std::int64_t index) const;
  std::int64_t numel() const { return element_count(impl_->shape); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype()); }
  DType dtype() const { return impl_->dtype; }
  Device device() const { return impl_->storage->device(); }
  /// The device and its stream.
  Context context() const;

  /// The first element. The typed form checks the dtype.
  void* data() const { return impl_->storage->data() + impl_->offset; }
  /// Element number `index` in row-major order, for a kernel that uses a part of the columns.
  void* data_at(std::int64_t index) const {
    return static_cast<std::byte*>(data()) + static_cast<std::size_t>(index) * size_of(dtype());
  }
  template <typename T>
  T* data_as() const;
  /// The elements of a CPU tensor.
  template <typename T>
  std::span<T> span() const {
    check_on_cpu();
    return {data_as<T>(), static_cast<std::size_t>(numel())};
  }
  /// The only element of a one-element tensor of a floating dtype.
  double item() const;

  /// The same elements in another shape of equal count; one extent may be -1. Shares the gradient
  /// as well.
  Tensor view(Shape shape) const;
  /// Rows [begin, end) of the leading dimension, sharing storage, without gradient (ops::slice_rows
  /// has one).
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// For a tensor of bytes (u8): those from `begin` on as a tensor of another dtype, sharing
  /// storage. `begin` is a multiple of an element's size.
  Tensor bytes_as(std::int64_t begin, Shape shape, DType dtype) const;
  /// The same elements without a gradient, which the new handle may get on its own.
  Tensor detach() const;
  /// A new tensor with equal elements, without a gradient.
  Tensor clone() const;
  /// The same elements in another floating dtype, rounded to nearest even.
  Tensor to(DType dtype) const;
  /// The same elements on a device, without a gradient: this tensor's own memory if it is there.
  Tensor to(Device device) const;
  /// Copies the elements of a tensor of equal shape and dtype, on any device, into this one.
  void copy_from(const Tensor& source) const;
  /// Rounds the elements of a tensor of equal shape on the same device, of any floating dtype, into
  /// this one.
  void convert_from(const Tensor& source) const;
  void fill(double value) const;
  /// Sets every byte to zero.
  void clear() const;

  /// Makes every handle of this tensor use `target`'s memory, with its dtype and on its device,
  /// after copying the elements there.
  void move_into(const Tensor& target) const;

  // Gradients (engine/autograd).
  /// Marks a leaf whose gradient is wanted.
  Tensor& set_requires_grad();
  bool requires_grad() const;
  /// The gradient of a leaf; undefined before the first backward.
  Tensor grad() const;
  /// Makes the next backward overwrite the gradient: as good as setting it to zero, without
  /// touching memory.
  void clear_grad() const;
  const std::shared_ptr<autograd::Variable>& variable() const { return impl_->variable; }

 private:
  struct Impl {
    std::shared_ptr<Storage> storage;
    std::size_t offset = 0;  // bytes
    Shape shape;
    DType dtype = DType::f32;
    std::shared_ptr<autograd::Variable> variable;
  };
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void check_dtype(DType asked) const;
  void check_on_cpu() const;

  std::shared_ptr<Impl> impl_;
};

template <typename T>
T* Tensor::data_as() const {
  check_dtype(dtype_of<std::remove_const_t<T>>);
  return static_cast<T*>(data());
}

template <typename T>
Tensor Tensor::from(const Shape& shape, const std::vector<T>& values) {
  Tensor tensor = empty(shape, dtype_of<T>);
  require(static_cast<std::int64_t>(values.size()) == tensor.numel(),
          "[tensor] shape {} needs {} values, got {}.", to_string(tensor.shape()), tensor.numel(),
          values.size());
  std::copy(values.begin(), values.end(), tensor.template data_as<T>());
  return tensor;
}

}  // namespace seqpe
