// A block takes a tile of a pair of images, whole rows where they are short. It brings their bytes
// to shared memory, 16 at a time: a pixel's three lie at no multiple of anything, and beside those
// that the neighbouring lanes want. A thread then takes N neighbouring pixels of both images, all
// channels, so that a byte is read once and mixed on the spot, and writes N floats a channel. What
// the 256 bytes become is in a table: two divisions a value would take longer.
#include "kernels/image_batch.h"

#include "kernels/cuda/packs.h"
#include "kernels/simt/simt.h"

namespace seqpe::kernels::cuda {
namespace {

constexpr int kThreads = 256;  // one a byte of the table
constexpr std::int64_t kTilePixels = 2048;

struct Tiles {
  int rows, columns;  // of a tile; at the border there are fewer
  int across, all;    // tiles of an image: side by side, together
};

Tiles tiles_of(std::int64_t height, std::int64_t width) {
  const std::int64_t columns = width < kTilePixels ? width : kTilePixels;
  std::int64_t rows = kTilePixels / columns;
  if (rows > height) rows = height;
  const std::int64_t across = (width + columns - 1) / columns, down = (height + rows - 1) / rows;
  return {static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(across),
          static_cast<int>(across * down)};
}

/// Shared memory for the bytes of a tile of one image, which lie there at the place within 16 bytes
/// that they have in the image.
int stage_bytes(const Tiles& tiles, std::int64_t width) {
  const std::int64_t most = ((tiles.rows - 1) * width + tiles.columns) * kImageChannels;
  return static_cast<int>((most + 15 + 15) / 16 * 16);
}

/// A block's part of the windows of its images.
struct Tile {
  int y, x, rows, columns;
};

__device__ __forceinline__ Tile tile_of(const ImageBatchArgs& args, const Tiles& tiles, int index) {
  const int down = index / tiles.across, y = down * tiles.rows,
            x = (index - down * tiles.across) * tiles.columns;
  return {y, x, min(tiles.rows, static_cast<int>(args.height) - y),
          min(tiles.columns, static_cast<int>(args.width) - x)};
}

/// What it reads of an image.
struct Window {
  int top, left;               // in the image
  const unsigned char* bytes;  // in shared memory
  int first;                   // number of the first of them in the image
};

/// to[i] = from[i]; the addresses are alike modulo 16.
__device__ __forceinline__ void copy_bytes(unsigned char* to, const std::uint8_t* from, int count) {
  constexpr int kBytes = 16, kWords = 4;
  const int before = static_cast<int>(reinterpret_cast<std::uintptr_t>(from) % kBytes);
  const int head = min((kBytes - before) % kBytes, count), packs = (count - head) / kBytes,
            rest = head + packs * kBytes, thread = static_cast<int>(threadIdx.x);
  for (int i = thread; i < packs; i += kThreads) {
    const int place = head + i * kBytes;
    simt::store_pack(reinterpret_cast<std::uint32_t*>(to + place),
                     simt::load_pack<kWords>(reinterpret_cast<const std::uint32_t*>(from + place)));
  }
  if (thread < head) to[thread] = from[thread];
  if (thread < count - rest) to[rest + thread] = from[rest + thread];
}

/// Shared memory for a T, which has no constructor to run there.
template <typename T>
using Words = std::uint32_t[sizeof(T) / sizeof(std::uint32_t)];

template <typename T>
__device__ __forceinline__ void copy_words(Words<T>& to, const T* from) {
  const unsigned thread = threadIdx.x;
  if (thread < sizeof(T) / sizeof(std::uint32_t))
    to[thread] = reinterpret_cast<const std::uint32_t*>(from)[thread];
}

template <typename T>
__device__ __forceinline__ const T& as(const Words<T>& words) {
  return *reinterpret_cast<const T*>(words);
}

/// Brings the bytes that a tile needs of an image to shared memory: rows and all between them.
__device__ __forceinline__ Window stage(const ImageBatchArgs& args, std::int64_t image,
                                        const ImagePlacement& placement, const Tile& tile,
                                        unsigned char* shared) {
  const int height = static_cast<int>(args.height), width = static_cast<int>(args.width);
  // A window further off is as black.
  Window window{max(min(placement.top, height), -height), max(min(placement.left, width), -width),
                shared, 0};
  const int top = window.top + tile.y,
            left = window.left + (placement.flipped != 0 ? width - tile.x - tile.columns : tile.x);
  const int first_row = max(top, 0), end_row = min(top + tile.rows, height),
            first_column = max(left, 0), end_column = min(left + tile.columns, width);
  if (first_row >= end_row || first_column >= end_column) return window;
  window.first = (first_row * width + first_column) * kImageChannels;
  const int count = ((end_row - 1) * width + end_column) * kImageChannels - window.first;
  const std::uint8_t* from =
      args.images + image * args.height * args.width * kImageChannels + window.first;
  shared += reinterpret_cast<std::uintptr_t>(from) % 16;
  copy_bytes(shared, from, count);
  window.bytes = shared;
  return window;
}

using ByteTable = float[kImageChannels][256];

/// N pixels of a window from (y, x) on, erased but not mixed.
template <int N>
__device__ __forceinline__ void read_pixels(float (&values)[kImageChannels][N],
                                            const ImageBatchArgs& args, const Window& window,
                                            const ImagePlacement& placement,
                                            const ByteTable& normalized, int y, int x) {
  const int height = static_cast<int>(args.height), width = static_cast<int>(args.width);
  const int row = window.top + y;
  const bool has_row = row >= 0 && row < height;
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const int column = window.left + (placement.flipped != 0 ? width - 1 - x - n : x + n);
    const bool is_there = has_row && column >= 0 && column < width;
    const int place = (row * width + column) * kImageChannels - window.first;
#pragma unroll
    for (int channel = 0; channel < kImageChannels; ++channel)
      values[channel][n] = normalized[channel][is_there ? window.bytes[place + channel] : 0];
  }
  if (!lies_in(y, placement.erased_top, placement.erased_height)) return;
#pragma unroll 1  // the code is long
  for (int erased = 0; erased < N; ++erased) {
    if (!lies_in(x + erased, placement.erased_left, placement.erased_width)) continue;
    const std::int64_t pixel =
        static_cast<std::int64_t>(y - placement.erased_top) * placement.erased_width + x + erased -
        placement.erased_left;
    float noise[kImageChannels];
    image_noise(noise_key(placement), static_cast<std::uint64_t>(pixel), noise);
#pragma unroll
    for (int n = 0; n < N; ++n) {
#pragma unroll
      for (int channel = 0; channel < kImageChannels; ++channel)
        if (n == erased) values[channel][n] = noise[channel];
    }
  }
}

/// Both images of a pair, N pixels from (y, x) on.
template <int N>
__device__ __forceinline__ void mix_pixels(float (&first)[kImageChannels][N],
                                           float (&last)[kImageChannels][N], const ImageMix& mix,
                                           int y, int x) {
  const bool row_in_box = lies_in(y, mix.top, mix.height), blended = mix.partner_share != 0.0f;
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const bool in_box = row_in_box && lies_in(x + n, mix.left, mix.width);
#pragma unroll
    for (int channel = 0; channel < kImageChannels; ++channel) {
      const float a = first[channel][n], b = last[channel][n];
      if (in_box) {
        first[channel][n] = b;
        last[channel][n] = a;
      } else if (blended) {  // without a fused multiply-add
        first[channel][n] = __fadd_rn(__fmul_rn(a, mix.own_share), __fmul_rn(b, mix.partner_share));
        last[channel][n] = __fadd_rn(__fmul_rn(b, mix.own_share), __fmul_rn(a, mix.partner_share));
      }
    }
  }
}

template <int N>
__device__ __forceinline__ void write_pixels(const ImageBatchArgs& args, std::int64_t image, int y,
                                             int x, const float (&values)[kImageChannels][N]) {
#pragma unroll
  for (int channel = 0; channel < kImageChannels; ++channel) {
    const std::int64_t row = (image * kImageChannels + channel) * args.height + y;
    store_floats(args.out + row * args.width + x, values[channel]);
  }
}

template <int N>
__global__ void __launch_bounds__(kThreads)
    image_batch_tile_per_block_kernel(ImageBatchArgs args, Tiles tiles, int stage_size) {
  SEQPE_SHARED_DYNAMIC(bytes);
  SEQPE_SHARED(ByteTable, normalized);
  SEQPE_SHARED(Words<ImagePlacement>, own_placement);
  SEQPE_SHARED(Words<ImagePlacement>, partner_placement);
  SEQPE_SHARED(Words<ImageMix>, mix);
  const std::int64_t pair = blockIdx.x / tiles.all, image = 2 * pair,
                     partner = partner_of(image, args.batch);
  const Tile tile = tile_of(args, tiles, static_cast<int>(blockIdx.x - pair * tiles.all));
  copy_words(own_placement, args.placements + image);
  copy_words(partner_placement, args.placements + partner);
  copy_words(mix, args.mix);
  const int byte = threadIdx.x;
#pragma unroll
  for (int channel = 0; channel < kImageChannels; ++channel) {
    normalized[channel][byte] =
        normalized_byte(byte, args.mean[channel], args.standard_deviation[channel]);
  }
  __syncthreads();
  const Window first = stage(args, image, as<ImagePlacement>(own_placement), tile, bytes);
  Window last = first;
  if (partner != image)
    last = stage(args, partner, as<ImagePlacement>(partner_placement), tile, bytes + stage_size);
  __syncthreads();
  const int packs = tile.columns / N;
  for (int i = threadIdx.x; i < tile.rows * packs; i += kThreads) {
    const int row = i / packs, y = tile.y + row, x = tile.x + (i - row * packs) * N;
    float own[kImageChannels][N], other[kImageChannels][N];
    read_pixels(own, args, first, as<ImagePlacement>(own_placement), normalized, y, x);
    if (partner != image) {
      read_pixels(other, args, last, as<ImagePlacement>(partner_placement), normalized, y, x);
      mix_pixels(own, other, as<ImageMix>(mix), y, x);
      write_pixels(args, partner, y, x, other);
    }
    write_pixels(args, image, y, x, own);
  }
}

}  // namespace

void image_batch(const Context& context, const ImageBatchArgs& args) {
  if (args.batch == 0 || args.height == 0 || args.width == 0) return;
  const Tiles tiles = tiles_of(args.height, args.width);
  const int stage_size = stage_bytes(tiles, args.width);
  const std::int64_t pairs = (args.batch + 1) / 2;
  constexpr int kPack = simt::kPackSize<float>;
  const bool packs = args.width % kPack == 0 && aligned_for_packs(args.out);
  simt::launch(
      context,
      {"image_batch", dim3(static_cast<unsigned>(pairs * tiles.all)), dim3(kThreads),
       2 * static_cast<std::size_t>(stage_size)},
      packs ? image_batch_tile_per_block_kernel<kPack> : image_batch_tile_per_block_kernel<1>, args,
      tiles, stage_size);
}

}  // namespace seqpe::kernels::cuda
