// Element types of tensors, and the step from a run-time dtype to a template argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/common/bf16.h"
#include "kernels/common/error.h"

namespace seqpe {

enum class DType : std::uint8_t { f32, f64, bf16, i32, i64, u8 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
    case DType::i32:
      return 4;
    case DType::i64:
      return 8;
    case DType::u8:
      return 1;
  }
  return 0;
}

constexpr const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
  }
  return "?";
}

constexpr bool is_floating(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16;
}

template <typename T>
extern const DType dtype_of;  // of the types below only
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i64;

/// The type that sums and intermediate values of a kernel on T are kept in.
template <typename T>
using Acc = std::conditional_t<std::is_same_v<T, double>, double, float>;

/// The same at run time: f64 of f64, else f32.
constexpr DType acc_dtype(DType dtype) {
  return dtype == DType::f64 ? DType::f64 : DType::f32;
}

template <typename T>
struct TypeTag {
  using type = T;
};

/// Throws Error: `op` wants one of the dtypes that `wanted` names. Not inline: kernels compiled per
/// instruction set must not bring copies of the exception's code to the linker.
[[noreturn]] void throw_wrong_dtype(const char* op, const char* wanted, DType dtype);

/// Calls f(TypeTag<T>{}) with the C++ type of `dtype`; `op` names the op in the error message.
template <typename F>
void dispatch_floating(const char* op, DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(TypeTag<float>{});
    case DType::f64:
      return f(TypeTag<double>{});
    case DType::bf16:
      return f(TypeTag<bf16>{});
    default:
      throw_wrong_dtype(op, "f32, f64 or bf16", dtype);
  }
}

}  // namespace seqpe
