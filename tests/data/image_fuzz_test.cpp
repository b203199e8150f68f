// Readers of image files on small valid files with random damage: each must read or throw
// DataError, and nothing else. Number i of a test is a function of i alone. SEQPE_FUZZ_SECONDS
// makes each test go on for so long.
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>

#include "engine/core/random.h"
#include "engine/core/stream_id.h"
#include "engine/data/cifar10.h"
#include "engine/data/image_cache.h"
#include "engine/data/image_cache_layout.h"
#include "engine/data/image_decoding.h"
#include "engine/data/mnist_idx.h"
#include "engine/io/file.h"
#include "tests/support/gzip_file.h"
#include "tests/support/tiny_images.h"

namespace seqpe::data {
namespace {

constexpr std::int64_t kRunsOfATest = 3000;

/// What readers take for sizes and offsets.
constexpr std::array<std::uint64_t, 8> kExtremes{
    0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0xffffffffffffffff};

class Damage {
 public:
  Damage(std::uint64_t number, std::string_view test)
      : generator_({.seed = number, .stream = stream_id(test)}) {}

  std::size_t below(std::size_t count) {
    return static_cast<std::size_t>(generator_.uniform_int(static_cast<std::int64_t>(count)));
  }

  /// One to six changes.
  std::string operator()(std::string file, const std::string& other) {
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(file, other);
    return file;
  }

 private:
  void change(std::string& file, const std::string& other) {
    const std::size_t at = below(file.size() + 1), left = file.size() - at;
    const std::size_t length = below(std::min<std::size_t>(left, 64) + 1);
    switch (below(8)) {
      case 0:
        if (left > 0) file[at] = static_cast<char>(file[at] ^ (1 << below(8)));
        return;
      case 1:
        if (left > 0) file[at] = static_cast<char>(below(256));
        return;
      case 2:
        return file.resize(at);
      case 3:
        file.erase(at, length);
        return;
      case 4:
        file.insert(at, file.substr(at, length));
        return;
      case 5: {  // a number that is extreme, from either end
        const std::uint64_t number = kExtremes[below(kExtremes.size())];
        std::string bytes(reinterpret_cast<const char*>(&number), 1U << below(4));
        if (below(2) == 0) std::reverse(bytes.begin(), bytes.end());
        file.replace(at, std::min(left, bytes.size()), bytes);
        return;
      }
      case 6: {
        const std::size_t from = below(other.size() + 1);
        file.replace(at, length, other.substr(from, below(64)));
        return;
      }
      default:  // goes on as the other
        file = file.substr(0, at) + other.substr(std::min(at, other.size()));
    }
  }

  PhiloxGenerator generator_;
};

/// Reads damaged files until the runs or the seconds are over. `repair` mends what is meant to find
/// damage, in every second run, so that what lies behind it is tested, too.
void fuzz(const std::string& name, const std::vector<std::string>& files,
          const std::function<void(const std::string&)>& read,
          const std::function<void(std::string&)>& repair = {}) {
  for (const std::string& file : files) ASSERT_NO_THROW(read(file));
  const char* const asked = std::getenv("SEQPE_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(asked == nullptr ? 0 : std::atoi(asked));
  std::int64_t number = 0, refused = 0;
  for (; number < kRunsOfATest || std::chrono::steady_clock::now() < end; ++number) {
    Damage damage(static_cast<std::uint64_t>(number), name);
    std::string file = damage(files[damage.below(files.size())], files[damage.below(files.size())]);
    if (repair && number % 2 == 0) repair(file);
    try {
      read(file);
    } catch (const DataError&) {
      ++refused;
    } catch (const std::exception& error) {
      FAIL() << "number " << number << ": " << error.what();
    }
  }
  EXPECT_GT(refused, number / 4);
  EXPECT_LT(refused, number);  // some damage does not show
  if (asked != nullptr)
    std::printf("%s: %lld files, %lld refused\n", name.c_str(), static_cast<long long>(number),
                static_cast<long long>(refused));
}

std::vector<std::string> files_named(std::string_view extension) {
  std::vector<std::filesystem::path> paths;
  const auto folder = std::filesystem::path(SEQPE_TESTS_DIR) / "golden/transforms/decode";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension && entry.file_size() < 4000)
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> files;
  for (const auto& path : paths) files.push_back(io::read_text(path));
  EXPECT_GE(files.size(), 10U);
  return files;
}

void decode(const std::string& file) {
  const Image image = decode_image(test::as_bytes(file), "damaged");
  require(image.height >= 1 && image.width >= 1 &&
              static_cast<std::int64_t>(image.pixels.size()) == 3 * image.height * image.width,
          "{} x {} pixels in {} bytes", image.height, image.width, image.pixels.size());
}

/// The checksum of every chunk that is there.
void mend_png(std::string& file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length = length << 8 | static_cast<unsigned char>(file[at + i]);
    if (length > file.size() - at - 12) return;
    const auto* const checked = reinterpret_cast<const Bytef*>(file.data() + at + 4);
    const auto sum = crc32(0, checked, static_cast<uInt>(length + 4));
    file.replace(at + 8 + length, 4, test::big_endian(static_cast<std::uint32_t>(sum), 4));
    at += 12 + length;
  }
}

TEST(ImageFuzz, Jpeg) {
  fuzz("jpeg", files_named(".jpg"), decode);
}

TEST(ImageFuzz, Png) {
  fuzz("png", files_named(".png"), decode, mend_png);
}

TEST(ImageFuzz, Cifar10) {
  const std::string record = '\x03' + std::string(3072, 'x');
  fuzz("cifar10", {record, record + record}, [](const std::string& file) {
    LabeledImages images;
    append_cifar10(test::as_bytes(file), "damaged", images);
    require(images.pixels.size() == 3072 * images.labels.size(), "{} bytes of {} images",
            images.pixels.size(), images.labels.size());
  });
}

TEST(ImageFuzz, Idx) {
  using test::big_endian;
  const test::TemporaryDirectory folder;
  const std::string images = big_endian(0x803, 4) + big_endian(2, 4) + big_endian(2, 4) +
                             big_endian(3, 4) + "abcdefghijkl";
  const std::string labels = big_endian(0x801, 4) + big_endian(2, 4) + "\x07\x09";
  // A file of images, or one of labels, by its magic number; the other one is whole.
  fuzz("idx", {images, labels, test::gzip_file(images), test::gzip_file(labels)},
       [&](const std::string& file) {
         const bool is_labels = file == labels || file == test::gzip_file(labels) ||
                                (file.size() >= 4 && file.substr(0, 4) == labels.substr(0, 4));
         const LabeledImages read = read_idx(folder.write("images", is_labels ? images : file),
                                             folder.write("labels", is_labels ? file : labels));
         require(static_cast<std::int64_t>(read.pixels.size()) ==
                     3 * read.height * read.width * static_cast<std::int64_t>(read.labels.size()),
                 "{} bytes", read.pixels.size());
       });
}

/// The checksum of what describes the pixels, wherever the foot says that it lies.
void mend_cache(std::string& file) {
  cache::Head head{};
  cache::Foot foot{};
  if (file.size() < sizeof head + sizeof foot) return;
  std::memcpy(&head, file.data(), sizeof head);
  const std::size_t foot_at = file.size() - sizeof foot;
  std::memcpy(&foot, file.data() + foot_at, sizeof foot);
  const std::size_t room = foot_at - sizeof head;
  if (foot.images > room / sizeof(cache::Entry)) return;
  const std::size_t entry_bytes = foot.images * sizeof(cache::Entry);
  if (foot.name_bytes > room - entry_bytes) return;
  const auto bytes = test::as_bytes(file);
  foot.checksum = cache::description_checksum(
      head, bytes.subspan(foot_at - entry_bytes - foot.name_bytes, foot.name_bytes),
      bytes.subspan(foot_at - entry_bytes, entry_bytes), foot);
  std::memcpy(file.data() + foot_at, &foot, sizeof foot);
}

TEST(ImageFuzz, Cache) {
  const test::TemporaryDirectory folder;
  std::vector<std::string> files;
  for (const std::int64_t count : {1, 2, 5}) {
    write_image_cache(*test::numbered_images(count, count, 2), folder / "whole", {});
    files.push_back(io::read_text(folder / "whole"));
  }
  fuzz(
      "cache", files,
      [&](const std::string& file) {
        const auto images = open_image_cache(folder.write("cache", file));
        for (std::int64_t i = 0; i < images->count(); ++i) {
          const Image image = images->image(i);
          require(static_cast<std::int64_t>(image.pixels.size()) == 3 * image.height * image.width,
                  "{} bytes", image.pixels.size());
          require(images->label(i) < static_cast<std::int64_t>(images->classes().size()),
                  "label {}", images->label(i));
          images->check_image(i);
        }
      },
      mend_cache);
}

}  // namespace
}  // namespace seqpe::data
