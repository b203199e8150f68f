// Golden data: where it lies, and comparing with it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/io/safetensors.h"
#include "kernels/device.h"

namespace seqpe::test {

/// The project's tests: where they were built, or SEQPE_TESTS on another machine.
inline std::filesystem::path tests_dir() {
  const char* moved = std::getenv("SEQPE_TESTS");
  return moved ? moved : SEQPE_TESTS_DIR;
}

/// SEQPE_GOLDENS/room, or the small copies that the project ships.
inline std::filesystem::path goldens_dir(const std::string& room) {
  const char* given = std::getenv("SEQPE_GOLDENS");
  return (given ? given : tests_dir() / "golden") / room;
}

/// SEQPE_DATA, or the small copies that the project ships.
inline std::filesystem::path data_dir() {
  const char* given = std::getenv("SEQPE_DATA");
  return given ? given : tests_dir() / "data";
}

/// Every file of a room whose name begins with `kind`; at least one must be there.
inline std::vector<std::filesystem::path> golden_files(const std::string& room,
                                                       const std::string& kind) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(goldens_dir(room))) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kind) && name.ends_with(".safetensors")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  EXPECT_FALSE(files.empty()) << "no golden file " << kind << "* in " << goldens_dir(room);
  return files;
}

/// The same of several rooms, one after the other.
inline std::vector<std::filesystem::path> golden_files(const std::vector<std::string>& rooms,
                                                       const std::string& kind) {
  std::vector<std::filesystem::path> files;
  for (const std::string& room : rooms) {
    const auto more = golden_files(room, kind);
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

/// "image/encoder_noise005.safetensors"
inline std::string name_in_room(const std::filesystem::path& path) {
  return path.parent_path().filename() / path.filename();
}

/// What a golden is computed in, and where.
struct Where {
  DType dtype;
  Device device;
  std::string name() const { return fmt::format("{} on {}", name_of(dtype), name_of(device)); }
};

/// float64 and float32 on the CPU, float32 on the device cuda if this build has one.
inline std::vector<Where> everywhere() {
  std::vector<Where> all{{DType::f64, Device::cpu}, {DType::f32, Device::cpu}};
  if (kernels::cuda_device() != kernels::CudaDevice::none)
    all.push_back({DType::f32, Device::cuda});
  return all;
}

struct Golden {
  explicit Golden(const std::filesystem::path& path)
      : file(io::SafetensorsFile::open(path)),
        config(nlohmann::json::parse(file.metadata().at("config"))) {}

  bool has(const std::string& name) const { return file.contains(name); }
  Tensor tensor(const std::string& name, DType dtype) const {
    const Tensor stored = file.tensor(name);
    return is_floating(stored.dtype()) ? stored.to(dtype) : stored;
  }
  std::vector<std::int64_t> integers(const std::string& name) const {
    const Tensor stored = file.tensor(name);
    const auto values = stored.span<std::int64_t>();
    return {values.begin(), values.end()};
  }

  io::SafetensorsFile file;
  nlohmann::json config;
};

/// max |a - b| / max |b|; the absolute error where b is below 1e-13 throughout; NaN where either
/// holds one.
inline double relative_error(const Tensor& ours, const Tensor& golden) {
  const Tensor a = ours.to(Device::cpu).to(DType::f64), b = golden.to(DType::f64);
  if (a.numel() != b.numel()) return std::numeric_limits<double>::infinity();
  double difference = 0, scale = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    const double one = std::abs(a.data_as<double>()[i] - b.data_as<double>()[i]);
    if (std::isnan(one)) return one;
    difference = std::max(difference, one);
    scale = std::max(scale, std::abs(b.data_as<double>()[i]));
  }
  return scale < 1e-13 ? difference : difference / scale;
}

/// The bounds of the goldens' README: 1e-9 in float64; in float32 2e-5 for outputs and 3e-5 for
/// gradients.
inline double output_bound(DType dtype) {
  return dtype == DType::f64 ? 1e-9 : 2e-5;
}
inline double gradient_bound(DType dtype) {
  return dtype == DType::f64 ? 1e-9 : 3e-5;
}

}  // namespace seqpe::test
