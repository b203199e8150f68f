#include "engine/ops/image_batch.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/ops/check.h"

namespace seqpe::ops {
namespace {

constexpr std::int64_t kPlacementBytes = sizeof(kernels::ImagePlacement),
                       kMixBytes = sizeof(kernels::ImageMix);
constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;  // places of bytes fit into 32 bits

/// The records of kernels/image_batch.h as a tensor's bytes.
template <typename Record>
const Record* records(const char* name, const Tensor& tensor, const Tensor& pixels,
                      const Shape& expected, const char* why) {
  require(tensor.defined(), "[image_batch] {} must be a tensor, got an undefined one.", name);
  check_same_kind("image_batch", name, tensor, "pixels", pixels);
  check_shape("image_batch", name, tensor, expected, why);
  const auto address = reinterpret_cast<std::uintptr_t>(tensor.data());
  require(address % alignof(Record) == 0,
          "[image_batch] {} must begin at a multiple of {} bytes, got address {:#x}.", name,
          alignof(Record), address);
  return static_cast<const Record*>(tensor.data());
}

}  // namespace

Tensor image_batch(const Tensor& pixels, const Tensor& placements, const Tensor& mix,
                   const std::array<float, 3>& mean,
                   const std::array<float, 3>& standard_deviation) {
  require(pixels.defined(), "[image_batch] pixels must be a tensor, got an undefined one.");
  require(pixels.dtype() == DType::u8 && pixels.rank() == 4 && pixels.dim(3) == kImageChannels,
          "[image_batch] pixels must be u8 [B, height, width, {}], got {} {}.", kImageChannels,
          name_of(pixels.dtype()), to_string(pixels.shape()));
  const std::int64_t batch = pixels.dim(0), height = pixels.dim(1), width = pixels.dim(2);
  require(height <= kMostPixels && width <= kMostPixels && height * width <= kMostPixels,
          "[image_batch] an image must have at most {} pixels, got height {} and width {}.",
          kMostPixels, height, width);
  kernels::ImageBatchArgs args;
  args.placements = records<kernels::ImagePlacement>("placements", placements, pixels,
                                                     {batch, kPlacementBytes}, "one an image");
  args.mix = records<kernels::ImageMix>("mix", mix, pixels, {kMixBytes}, "one a batch");
  const Tensor out =
      Tensor::empty({batch, kImageChannels, height, width}, DType::f32, pixels.device());
  args.out = out.data_as<float>();
  args.images = pixels.data_as<std::uint8_t>();
  args.batch = batch;
  args.height = height;
  args.width = width;
  std::copy(mean.begin(), mean.end(), args.mean);
  std::copy(standard_deviation.begin(), standard_deviation.end(), args.standard_deviation);
  kernels::image_batch(pixels.context(), args);
  return out;
}

Tensor image_placements(const std::vector<kernels::ImagePlacement>& placements) {
  const Tensor out = Tensor::empty({std::ssize(placements), kPlacementBytes}, DType::u8);
  std::memcpy(out.data(), placements.data(), out.bytes());
  return out;
}

Tensor image_mix(const kernels::ImageMix& mix) {
  const Tensor out = Tensor::empty({kMixBytes}, DType::u8);
  std::memcpy(out.data(), &mix, out.bytes());
  return out;
}

}  // namespace seqpe::ops
