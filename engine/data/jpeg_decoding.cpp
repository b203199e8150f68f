#include "engine/data/jpeg_decoding.h"

#include <csetjmp>
#include <cstdio>

// Each needs the ones above it.
#include <jpeglib.h>

#include <jerror.h>

namespace seqpe::data {
namespace {

// A progressive file of a few bytes a scan may ask for a pass over all pixels at each of them.
constexpr int kMaxScans = 500;

// Every block of 8 x 8 pixels has a code of at least one bit in the component of most samples.
constexpr std::int64_t kMaxPixelsAByte = 8 * 64;

/// The state of one decoding. libjpeg leaves its functions by longjmp on an error, so whatever has
/// a destructor lives outside of `run`.
class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = leave;
    errors_.emit_message = look_at_warning;
    progress_.progress_monitor = count_scans;
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  jpeg_decompress_struct& info() { return info_; }
  const char* reason() const { return reason_; }

  bool read_header(std::span<const std::byte> bytes) {
    return run([&] {
      jpeg_create_decompress(&info_);
      info_.progress = &progress_;
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
      jpeg_read_header(&info_, TRUE);
    });
  }

  /// Rows of `stride` bytes each.
  bool read_pixels(std::uint8_t* pixels, std::size_t stride) {
    return run([&] {
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = pixels + info_.output_scanline * stride;
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
  }

 private:
  /// False if `work`, which has no objects with destructors, was left by longjmp.
  template <typename F>
  bool run(const F& work) {
    if (setjmp(jump_) != 0) return false;
    work();
    return true;
  }

  [[noreturn]] static void leave(j_common_ptr info) {
    auto* const decoder = static_cast<Decoder*>(info->client_data);
    info->err->format_message(info, decoder->reason_);
    std::longjmp(decoder->jump_, 1);
  }

  /// Warnings after which pixels are invented are errors; the others (stray bytes between
  /// segments, an unknown version) occur in many good files.
  static void look_at_warning(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
      case JWRN_ARITH_BAD_CODE:
      case JWRN_BOGUS_PROGRESSION:
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_JPEG_EOF:
      case JWRN_MUST_RESYNC:
        leave(info);
      default:
        break;
    }
  }

  static void count_scans(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
    auto* const decoder = static_cast<Decoder*>(info->client_data);
    std::snprintf(decoder->reason_, sizeof decoder->reason_, "more than %d scans", kMaxScans);
    std::longjmp(decoder->jump_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  char reason_[JMSG_LENGTH_MAX] = "";
};

/// Inverted CMYK to RGB as Pillow does it: n = 255 - k; c becomes n - c n / 255, rounded.
void convert_cmyk(const std::vector<std::uint8_t>& inverted, std::vector<std::uint8_t>& rgb) {
  for (std::size_t pixel = 0; pixel < inverted.size() / 4; ++pixel) {
    const int n = inverted[4 * pixel + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int ink = 255 - inverted[4 * pixel + channel];
      rgb[3 * pixel + channel] = static_cast<std::uint8_t>(n - (2 * ink * n + 255) / 510);
    }
  }
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder;
  jpeg_decompress_struct& info = decoder.info();
  const auto check = [&](bool done) {
    require<DataError>(done, "[image] {}: cannot decode this JPEG file: {}.", name,
                       decoder.reason());
  };
  check(decoder.read_header(bytes));
  require<DataError>(
      info.num_components == 1 || info.num_components == 3 || info.num_components == 4,
      "[image] {}: expected 1, 3 or 4 components in this JPEG file, got {}.", name,
      info.num_components);
  check_image_size(info.image_height, info.image_width, name);
  const std::int64_t pixels = std::int64_t{info.image_height} * info.image_width;
  const auto most = static_cast<std::int64_t>(bytes.size()) * kMaxPixelsAByte;
  require<DataError>(info.arith_code || pixels <= most,
                     "[image] {}: expected at most {} pixels in this JPEG file of {} bytes, its "
                     "header tells height {} and width {}.",
                     name, most, bytes.size(), info.image_height, info.image_width);
  Image image = make_image(info.image_height, info.image_width, name);
  if (info.num_components < 4) {
    info.out_color_space = JCS_RGB;
    check(decoder.read_pixels(image.pixels.data(), std::size_t{3} * info.image_width));
  } else {
    info.out_color_space = JCS_CMYK;
    std::vector<std::uint8_t> inks(image.pixels.size() / 3 * 4);
    check(decoder.read_pixels(inks.data(), std::size_t{4} * info.image_width));
    convert_cmyk(inks, image.pixels);
  }
  return image;
}

}  // namespace seqpe::data
