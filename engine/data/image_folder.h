// A folder that holds a folder for each class, with its images in it (torchvision's ImageFolder).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/data/image_dataset.h"

namespace seqpe::data {

/// The names of the folders in a folder, sorted by their bytes; none that begins with a dot.
std::vector<std::string> class_folders(const std::filesystem::path& folder);

/// The files below the class folders whose name ends in .jpg, .jpeg or .png, in any case: class by
/// class, sorted by folder, then by name. What they are their first bytes tell.
class ImageFolder : public ImageDataset {
 public:
  /// `classes`: names of folders, of which some may be missing; `split`: what split() tells. Throws
  /// DataError if there is no image, or a folder cannot be looked into.
  ImageFolder(const std::filesystem::path& folder, std::vector<std::string> classes,
              std::string split);

  std::string kind() const override { return "class folders"; }
  std::string split() const override { return split_; }
  std::int64_t count() const override { return static_cast<std::int64_t>(files_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override { return file(index).label; }
  Image image(std::int64_t index) const override;

  /// Decodes every image once; those that cannot be take no part from now on, and one warning names
  /// them. Throws DataError if none is left.
  void skip_bad_images(const ImageProgress& progress = {});

 private:
  struct File {
    std::string path;
    std::int64_t label;
  };
  const File& file(std::int64_t index) const { return files_.at(static_cast<std::size_t>(index)); }

  std::string folder_, split_;
  std::vector<std::string> classes_;
  std::vector<File> files_;
};

}  // namespace seqpe::data
