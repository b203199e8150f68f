// Calls of kernels on the shapes of the published recipe, whose costs are counted on the emulator
// and whose times are measured on a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace seqpe::costs {

/// Arrays on the device, zeros at first. Also adds up the bytes that a call must move: each input
/// and each output once.
class Arrays {
 public:
  Arrays() = default;
  ~Arrays();
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;

  /// Arrays of `count` elements, of which the call uses `used`.
  template <typename T>
  T* input(std::int64_t count, std::int64_t used) {
    moved_ += bytes<T>(used);
    return static_cast<T*>(allocate(bytes<T>(count)));
  }
  template <typename T>
  T* input(std::int64_t count) {
    return input<T>(count, count);
  }
  template <typename T>
  T* output(std::int64_t count) {
    return input<T>(count);
  }
  /// Read and written.
  template <typename T>
  T* in_place(std::int64_t count, std::int64_t used) {
    return input<T>(count, 2 * used);
  }
  template <typename T>
  T* in_place(std::int64_t count) {
    return in_place<T>(count, count);
  }

  /// An input of these numbers, which are copied when it is first asked for.
  const std::int64_t* indices(const std::vector<std::int64_t>& values);

  /// A call that begins is to get the arrays of the one before, as that left them. Throws Error if
  /// it then asks for others.
  void begin_again();

  double moved_bytes() const { return static_cast<double>(moved_); }
  bool hold(const void* begin) const;

 private:
  template <typename T>
  static std::size_t bytes(std::int64_t count) {
    return static_cast<std::size_t>(count) * sizeof(T);
  }
  struct Block {
    void* begin;
    std::size_t bytes;
  };
  void* allocate(std::size_t bytes);

  std::vector<Block> blocks_;
  std::size_t next_ = 0;  // block to hand out; blocks_.size(): a new one
  std::size_t moved_ = 0;
};

struct Case {
  std::string name;
  std::string shape;
  /// Of products of matrices, which tensor cores can do; 0: a kernel bound by memory. An FMA is 2.
  double matrix_flops = 0;
  std::function<void(Arrays&)> run;
};

/// Rows and elements: norms, activations, sums, the optimizer.
std::vector<Case> row_cases();
/// Tables and positions: embedding, cross entropy, positions.
std::vector<Case> table_cases();
std::vector<Case> attention_cases();
/// Of image models: a batch of images, patches, targets, drop path.
std::vector<Case> image_cases();
/// All of them.
std::vector<Case> all_cases();
/// Those with `part` in their name. Throws UsageError if there are none.
std::vector<Case> cases_named(const std::string& part);

}  // namespace seqpe::costs
