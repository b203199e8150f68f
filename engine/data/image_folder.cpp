#include "engine/data/image_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "engine/core/warning.h"
#include "engine/data/image_checks.h"
#include "engine/data/image_decoding.h"
#include "engine/data/parallel_each.h"
#include "engine/io/file.h"
#include "engine/io/filesystem_errors.h"

namespace seqpe::data {
namespace {

constexpr std::array kExtensions{".jpg", ".jpeg", ".png"};

bool is_named_as_image(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

using FoundFile = std::pair<std::string, std::string>;  // folder, name

/// Adds the images in a folder and in those below it, also behind links; links that lead nowhere,
/// too: whoever reads them is told. `above`: the real paths of the folders on the way here.
void find_images(const std::filesystem::path& folder, std::vector<std::filesystem::path>& above,
                 std::vector<FoundFile>& found) {
  above.push_back(std::filesystem::canonical(folder));
  require<DataError>(std::find(above.begin(), above.end() - 1, above.back()) == above.end() - 1,
                     "[images] {}: expected a folder below others, it is a link to {} above it.",
                     folder.string(), above.back().string());
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& path = entry.path();
    std::error_code broken;
    if (entry.is_directory(broken)) {
      find_images(path, above, found);
    } else if (is_named_as_image(path)) {
      found.emplace_back(folder.string(), path.filename().string());
    }
  }
  above.pop_back();
}

std::vector<std::string> images_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> above;
  std::vector<FoundFile> found;
  find_images(folder, above, found);
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  paths.reserve(found.size());
  for (const auto& [parent, name] : found) paths.push_back(fmt::format("{}/{}", parent, name));
  return paths;
}

}  // namespace

std::vector<std::string> class_folders(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  io::with_filesystem_errors_as<DataError>("images", [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      std::error_code broken;
      const std::string name = entry.path().filename().string();
      if (name[0] != '.' && entry.is_directory(broken)) names.push_back(name);
    }
  });
  std::sort(names.begin(), names.end());
  return names;
}

ImageFolder::ImageFolder(const std::filesystem::path& folder, std::vector<std::string> classes,
                         std::string split)
    : folder_(folder.string()), split_(std::move(split)), classes_(std::move(classes)) {
  io::with_filesystem_errors_as<DataError>("images", [&] {
    for (std::size_t label = 0; label < classes_.size(); ++label) {
      const std::filesystem::path class_folder = folder / classes_[label];
      if (!std::filesystem::exists(class_folder)) continue;
      for (std::string& path : images_below(class_folder))
        files_.push_back({std::move(path), static_cast<std::int64_t>(label)});
    }
  });
  require<DataError>(!files_.empty(),
                     "[images] {}: expected files named {} in its {} folders, found none.", folder_,
                     fmt::join(kExtensions, ", "), classes_.size());
}

Image ImageFolder::image(std::int64_t index) const {
  const std::string& path = file(index).path;
  return decode_image(io::read_file(path), path);
}

void ImageFolder::skip_bad_images(const ImageProgress& progress) {
  const std::vector<BadImage> bad = find_bad_images(*this, usable_cores(), progress);
  if (bad.empty()) return;
  auto next = bad.begin();
  std::vector<File> good;
  for (std::int64_t i = 0; i < count(); ++i) {
    if (next != bad.end() && next->index == i) {
      ++next;
    } else {
      good.push_back(file(i));
    }
  }
  files_ = std::move(good);
  require<DataError>(!files_.empty(), "[images] {}: no image is left. {}", folder_,
                     bad_images_text(bad));
  warn(bad_images_text(bad));
}

}  // namespace seqpe::data
