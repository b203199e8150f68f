// A thread takes a row of an image, a few columns at a time. Compiled without fused multiply-adds:
// products and sums of a mix round as kernels/image_batch.h says.
#include "kernels/image_batch.h"

#include "kernels/common/parallel.h"

namespace seqpe::kernels::cpu::SEQPE_ISA {
namespace {

constexpr std::int64_t kColumns = 64;  // at a time

/// Some neighbouring pixels of a row, by channel.
struct Pixels {
  float values[kImageChannels][kColumns];
};

class Batch {
 public:
  explicit Batch(const ImageBatchArgs& args) : args_(args) {
    for (int channel = 0; channel < kImageChannels; ++channel) {
      for (int byte = 0; byte < 256; ++byte) {
        normalized_[channel][byte] =
            normalized_byte(byte, args.mean[channel], args.standard_deviation[channel]);
      }
    }
  }

  void write_row(std::int64_t image, std::int64_t y) const {
    const ImageMix& mix = *args_.mix;
    const std::int64_t partner = partner_of(image, args_.batch);
    const bool in_box = lies_in(y, mix.top, mix.height);
    const bool mixed = partner != image && (in_box || mix.partner_share != 0);
    Pixels own, other;
    for (std::int64_t first = 0; first < args_.width; first += kColumns) {
      const std::int64_t count = first + kColumns < args_.width ? kColumns : args_.width - first;
      read(own, image, y, first, count);
      if (mixed) read(other, partner, y, first, count);
      for (int channel = 0; channel < kImageChannels; ++channel) {
        float* out = args_.out +
                     ((image * kImageChannels + channel) * args_.height + y) * args_.width + first;
        for (std::int64_t i = 0; i < count; ++i) {
          const float value = own.values[channel][i];
          if (!mixed) {
            out[i] = value;
          } else if (in_box && lies_in(first + i, mix.left, mix.width)) {
            out[i] = other.values[channel][i];
          } else {
            out[i] = mix.partner_share == 0
                         ? value
                         : value * mix.own_share + other.values[channel][i] * mix.partner_share;
          }
        }
      }
    }
  }

 private:
  /// Pixels [first, first + count) of row y of an image's window, erased but not mixed.
  void read(Pixels& pixels, std::int64_t image, std::int64_t y, std::int64_t first,
            std::int64_t count) const {
    const ImagePlacement& placement = args_.placements[image];
    const std::int64_t row = y + placement.top;
    const bool has_row = row >= 0 && row < args_.height;
    const std::uint8_t* bytes =
        args_.images + (image * args_.height + (has_row ? row : 0)) * args_.width * kImageChannels;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t x = first + i, column = placement.left +
                                                 (placement.flipped != 0 ? args_.width - 1 - x : x);
      const bool is_there = has_row && column >= 0 && column < args_.width;
      for (int channel = 0; channel < kImageChannels; ++channel) {
        pixels.values[channel][i] =
            normalized_[channel][is_there ? bytes[column * kImageChannels + channel] : 0];
      }
    }
    if (lies_in(y, placement.erased_top, placement.erased_height))
      erase(pixels, placement, y - placement.erased_top, first, count);
  }

  static void erase(Pixels& pixels, const ImagePlacement& placement, std::int64_t row,
                    std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      if (!lies_in(first + i, placement.erased_left, placement.erased_width)) continue;
      const std::int64_t pixel = row * placement.erased_width + first + i - placement.erased_left;
      float noise[kImageChannels];
      image_noise(noise_key(placement), static_cast<std::uint64_t>(pixel), noise);
      for (int channel = 0; channel < kImageChannels; ++channel)
        pixels.values[channel][i] = noise[channel];
    }
  }

  const ImageBatchArgs& args_;
  float normalized_[kImageChannels][256];
};

}  // namespace

void image_batch(const ImageBatchArgs& args) {
  const Batch batch(args);
  parallel_chunks(args.batch * args.height, 1, [&](std::int64_t index, std::int64_t) {
    batch.write_row(index / args.height, index % args.height);
  });
}

}  // namespace seqpe::kernels::cpu::SEQPE_ISA
