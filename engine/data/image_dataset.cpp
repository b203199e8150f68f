#include "engine/data/image_dataset.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "engine/data/image_cache.h"
#include "engine/data/image_folder.h"
#include "engine/data/images_in_memory.h"
#include "engine/io/filesystem_errors.h"

namespace seqpe::data {
namespace {

constexpr const char* kExpected =
    "expected a cache file that `data prepare` wrote, or a folder with data_batch_*.bin "
    "(CIFAR-10), *-idx3-ubyte (MNIST), train/ and val/ that hold a folder a class, or a folder a "
    "class";

bool is_cifar10(const std::string& name) {
  return name == "test_batch.bin" || (name.starts_with("data_batch_") && name.ends_with(".bin"));
}

bool is_mnist(const std::string& name) {
  return name.ends_with("-idx3-ubyte") || name.ends_with("-idx3-ubyte.gz");
}

/// Names for a split's folder, the first one that is there counts.
std::vector<std::string> split_folders(Split split) {
  if (split == Split::train) return {"train"};
  return {"val", "validation", "test"};
}

/// Of those, the one that holds folders; empty if there is none.
std::string split_folder(const std::filesystem::path& folder, Split split) {
  for (const std::string& name : split_folders(split)) {
    if (std::filesystem::is_directory(folder / name) && !class_folders(folder / name).empty())
      return name;
  }
  return {};
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string found_text(const std::vector<std::string>& names) {
  if (names.empty()) return "an empty folder";
  constexpr std::size_t kNamed = 5;
  const auto named = std::min(names.size(), kNamed);
  return fmt::format("{}{}",
                     fmt::join(names.begin(), names.begin() + static_cast<long>(named), ", "),
                     names.size() > named ? fmt::format(" and {} more", names.size() - named) : "");
}

/// The folder with its class folders, and what split that is.
std::unique_ptr<ImageFolder> find_class_folders(const std::filesystem::path& path, Split split) {
  const std::string train = split_folder(path, Split::train),
                    test = split_folder(path, Split::test);
  if (train.empty() && test.empty()) {
    std::vector<std::string> classes = class_folders(path);
    require<DataError>(!classes.empty(), "[images] {}: {}, found {}.", path.string(), kExpected,
                       found_text(names_in(path)));
    return std::make_unique<ImageFolder>(path, std::move(classes), "all");
  }
  const std::string& asked = split == Split::train ? train : test;
  require<DataError>(!asked.empty(), "[images] {}: expected {} with a folder a class, found {}.",
                     path.string(), fmt::join(split_folders(split), ", "),
                     found_text(names_in(path)));
  std::set<std::string> classes;
  for (const std::string& name : {train, test}) {
    if (name.empty()) continue;
    for (std::string& class_name : class_folders(path / name))
      classes.insert(std::move(class_name));
  }
  return std::make_unique<ImageFolder>(
      path / asked, std::vector<std::string>(classes.begin(), classes.end()), name_of(split));
}

std::unique_ptr<ImageDataset> open_folder(const std::filesystem::path& path, Split split,
                                          BadImages bad_images, const ImageProgress& progress) {
  const std::vector<std::string> names = names_in(path);
  if (std::any_of(names.begin(), names.end(), is_cifar10)) return open_cifar10(path, split);
  if (std::any_of(names.begin(), names.end(), is_mnist)) return open_mnist(path, split);
  auto folder = find_class_folders(path, split);
  if (bad_images == BadImages::skip) folder->skip_bad_images(progress);
  return folder;
}

}  // namespace

std::unique_ptr<ImageDataset> open_image_dataset(const std::filesystem::path& path, Split split,
                                                 BadImages bad_images,
                                                 const ImageProgress& progress) {
  return io::with_filesystem_errors_as<DataError>("images", [&] {
    if (std::filesystem::is_directory(path)) return open_folder(path, split, bad_images, progress);
    require<DataError>(std::filesystem::exists(path),
                       "[images] {}: there is no such file or folder.", path.string());
    require<DataError>(std::filesystem::is_regular_file(path) && is_image_cache(path),
                       "[images] {}: {}, found another file.", path.string(), kExpected);
    return open_image_cache(path);
  });
}

}  // namespace seqpe::data
