#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string_view>

#include "engine/data/image_cache.h"
#include "engine/data/image_cache_layout.h"
#include "engine/io/mapped_file.h"

namespace seqpe::data {
namespace {

using cache::Entry;
using cache::Foot;
using cache::Head;

template <typename T>
T read_as(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

class ImageCache : public ImageDataset {
 public:
  explicit ImageCache(const std::filesystem::path& path) : name_(path.string()), file_(path) {
    read_head_and_foot();
    find_parts();
    read_classes();
    check_entries();
  }

  std::string kind() const override { return "cache"; }
  std::string split() const override {
    return cache::kSplitNames[static_cast<std::size_t>(head_.split)];
  }
  std::int64_t count() const override { return static_cast<std::int64_t>(foot_.images); }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t shorter_side() const override {
    return static_cast<std::int64_t>(foot_.shorter_side);
  }
  std::int64_t label(std::int64_t index) const override { return entry(index).label; }

  Image image(std::int64_t index) const override {
    const Entry found = entry(index);
    Image image{found.height, found.width, {}};
    const auto* const pixels = reinterpret_cast<const std::uint8_t*>(pixels_of(found).data());
    image.pixels.assign(pixels, pixels + pixels_of(found).size());
    return image;
  }

  void check_image(std::int64_t index) const override {
    const Entry found = entry(index);
    const std::uint32_t sum = cache::checksum(pixels_of(found));
    require<DataError>(sum == found.checksum,
                       "[cache] {}: expected image {}, at byte {}, to have the checksum {:08x}, "
                       "got {:08x}.",
                       name_, index, found.offset, found.checksum, sum);
  }

 private:
  void read_head_and_foot() {
    const auto bytes = file_.bytes();
    require<DataError>(bytes.size() >= sizeof(Head) + sizeof(Foot),
                       "[cache] {}: expected at least {} bytes, got {}.", name_,
                       sizeof(Head) + sizeof(Foot), bytes.size());
    head_ = read_as<Head>(bytes);
    foot_ = read_as<Foot>(bytes.last(sizeof(Foot)));
    require<DataError>(head_.magic == cache::kHeadMagic,
                       "[cache] {}: expected the file to begin with {}, got another file.", name_,
                       std::string_view(cache::kHeadMagic.data(), cache::kHeadMagic.size()));
    require<DataError>(head_.version == cache::kVersion,
                       "[cache] {}: expected version {} at byte {}, got {}. Hint: make it anew by "
                       "`seqpe_engine data prepare`.",
                       name_, cache::kVersion, offsetof(Head, version), head_.version);
    require<DataError>(foot_.magic == cache::kFootMagic,
                       "[cache] {}: expected the file to end with {}, it does not: it is cut short "
                       "or has grown.",
                       name_, std::string_view(cache::kFootMagic.data(), cache::kFootMagic.size()));
  }

  /// Names and entries lie before the foot, the pixels before them.
  void find_parts() {
    const auto rest = file_.bytes().first(file_.bytes().size() - sizeof(Foot));
    const std::size_t room = rest.size() - sizeof(Head);
    require<DataError>(foot_.images <= room / sizeof(Entry) &&
                           foot_.name_bytes <= room - foot_.images * sizeof(Entry),
                       "[cache] {}: expected {} entries of {} bytes and {} bytes of names (told at "
                       "byte {}) to fit into {} bytes, they do not.",
                       name_, foot_.images, sizeof(Entry), foot_.name_bytes, rest.size(), room);
    entries_ = rest.last(foot_.images * sizeof(Entry));
    const auto before = rest.first(rest.size() - entries_.size());
    const auto names = before.last(foot_.name_bytes);
    names_ = {reinterpret_cast<const char*>(names.data()), names.size()};
    pixels_end_ = before.size() - names.size();
    const std::uint32_t sum = cache::description_checksum(head_, names, entries_, foot_);
    require<DataError>(sum == foot_.checksum,
                       "[cache] {}: expected head, names, entries (from byte {}) and foot to have "
                       "the checksum {:08x}, got {:08x}: the file is damaged.",
                       name_, pixels_end_, foot_.checksum, sum);
  }

  void read_classes() {
    for (std::string_view rest = names_; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\0'), rest.size());
      classes_.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    require<DataError>(classes_.size() == foot_.classes && foot_.images > 0 &&
                           static_cast<std::size_t>(head_.split) < cache::kSplitNames.size(),
                       "[cache] {}: expected {} names of classes, at least one image and a split "
                       "from 0 to 2, got {}, {} and {}.",
                       name_, foot_.classes, classes_.size(), foot_.images,
                       static_cast<std::uint32_t>(head_.split));
  }

  void check_entries() const {
    std::uint64_t next = sizeof(Head);
    for (std::int64_t i = 0; i < count(); ++i) {
      const Entry found = entry(i);
      const auto told_at = static_cast<std::uint64_t>(entries_.data() - file_.bytes().data()) +
                           static_cast<std::uint64_t>(i) * sizeof(Entry);
      check_image_size(found.height, found.width, name_);
      require<DataError>(found.offset == next && size_of(found) <= pixels_end_ - next,
                         "[cache] {}: expected image {} (told at byte {}) at byte {} and to end by "
                         "byte {}, got {} bytes at byte {}.",
                         name_, i, told_at, next, pixels_end_, size_of(found), found.offset);
      require<DataError>(found.label < foot_.classes,
                         "[cache] {}: expected image {} (told at byte {}) to have a label below "
                         "{}, got {}.",
                         name_, i, told_at, foot_.classes, found.label);
      next += size_of(found);
    }
    require<DataError>(next == pixels_end_,
                       "[cache] {}: expected the pixels to end at byte {}, they end at {}.", name_,
                       pixels_end_, next);
  }

  /// They begin where the names end, which need not be where a number may lie.
  Entry entry(std::int64_t index) const {
    return read_as<Entry>(
        entries_.subspan(static_cast<std::size_t>(index) * sizeof(Entry), sizeof(Entry)));
  }
  static std::size_t size_of(const Entry& entry) {
    return std::size_t{entry.height} * entry.width * Image::channels;
  }
  std::span<const std::byte> pixels_of(const Entry& entry) const {
    return file_.bytes().subspan(entry.offset, size_of(entry));
  }

  std::string name_;
  io::MappedFile file_;
  Head head_{};
  Foot foot_{};
  std::string_view names_;
  std::span<const std::byte> entries_;
  std::size_t pixels_end_ = 0;
  std::vector<std::string> classes_;
};

}  // namespace

bool is_image_cache(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  cache::Magic magic{};
  file.read(magic.data(), magic.size());
  return magic == cache::kHeadMagic;
}

std::unique_ptr<ImageDataset> open_image_cache(const std::filesystem::path& path) {
  return std::make_unique<ImageCache>(path);
}

}  // namespace seqpe::data
