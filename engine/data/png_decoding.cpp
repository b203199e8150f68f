#include "engine/data/png_decoding.h"

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

namespace seqpe::data {
namespace {

// Deflate's best: 258 bytes by a length and a distance of one bit each.
constexpr std::size_t kMaxUnpacking = 1032;

/// The state of one decoding. libpng leaves its functions by longjmp on an error, so whatever has
/// a destructor lives outside of `run`.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : rest_(bytes) {
    run([&] {
      png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, ignore_warning);
      info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    });
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const char* reason() const { return reason_; }
  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  /// Of the rows as they lie in the file, unpacked.
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  bool is_gray16() const {
    return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY &&
           png_get_bit_depth(png_, info_) == 16;
  }

  bool read_header() {
    return info_ != nullptr && run([&] {
             png_set_user_limits(png_, PNG_UINT_31_MAX,
                                 PNG_UINT_31_MAX);  // make_image has the limit
             png_set_read_fn(png_, this, read);
             png_read_info(png_, info_);
           });
  }

  /// Asks for 8-bit RGB whatever the file holds.
  bool convert_to_rgb() {
    return run([&] {
      png_set_strip_16(png_);
      png_set_expand(png_);
      png_set_gray_to_rgb(png_);
      png_set_strip_alpha(png_);
    });
  }

  /// Rows of `stride` bytes each. Interlaced ones come in several passes.
  bool read_pixels(std::uint8_t* pixels, std::size_t stride) {
    return run([&] {
      const int passes = png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
      if (png_get_rowbytes(png_, info_) != stride) png_error(png_, "rows of an unexpected size");
      const std::size_t rows = png_get_image_height(png_, info_);
      for (int pass = 0; pass < passes; ++pass) {
        for (std::size_t row = 0; row < rows; ++row)
          png_read_row(png_, pixels + row * stride, nullptr);
      }
      png_read_end(png_, nullptr);
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

  [[noreturn]] static void leave(png_structp png, png_const_charp message) {
    auto* const decoder = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->reason_, sizeof decoder->reason_, "%s", message);
    std::longjmp(decoder->jump_, 1);
  }

  static void ignore_warning(png_structp, png_const_charp) {}

  static void read(png_structp png, png_bytep to, std::size_t bytes) {
    auto* const decoder = static_cast<Decoder*>(png_get_io_ptr(png));
    if (bytes > decoder->rest_.size()) png_error(png, "it ends early");
    std::memcpy(to, decoder->rest_.data(), bytes);
    decoder->rest_ = decoder->rest_.subspan(bytes);
  }

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_{};
  char reason_[200] = "out of memory";
};

/// Big-endian 16-bit gray to RGB.
void convert_gray16(const std::vector<std::uint8_t>& gray, std::vector<std::uint8_t>& rgb) {
  for (std::size_t pixel = 0; pixel < gray.size() / 2; ++pixel) {
    const std::uint8_t value = gray[2 * pixel] > 0 ? 255 : gray[2 * pixel + 1];
    for (std::size_t channel = 0; channel < 3; ++channel) rgb[3 * pixel + channel] = value;
  }
}

}  // namespace

Image decode_png(std::span<const std::byte> bytes, const std::string& name) {
  Decoder decoder(bytes);
  const auto check = [&](bool done) {
    require<DataError>(done, "[image] {}: cannot decode this PNG file: {}.", name,
                       decoder.reason());
  };
  check(decoder.read_header());
  check_image_size(decoder.height(), decoder.width(), name);
  const std::size_t unpacked = static_cast<std::size_t>(decoder.height()) * decoder.row_bytes();
  require<DataError>(unpacked <= bytes.size() * kMaxUnpacking,
                     "[image] {}: expected at most {} bytes in the rows of this PNG file of {} "
                     "bytes, its header tells height {}, width {} and {} bytes a row.",
                     name, bytes.size() * kMaxUnpacking, bytes.size(), decoder.height(),
                     decoder.width(), decoder.row_bytes());
  Image image = make_image(decoder.height(), decoder.width(), name);
  const auto width = static_cast<std::size_t>(image.width);
  if (decoder.is_gray16()) {
    std::vector<std::uint8_t> gray(image.pixels.size() / 3 * 2);
    check(decoder.read_pixels(gray.data(), 2 * width));
    convert_gray16(gray, image.pixels);
  } else {
    check(decoder.convert_to_rgb());
    check(decoder.read_pixels(image.pixels.data(), 3 * width));
  }
  return image;
}

}  // namespace seqpe::data
