#include "engine/data/cifar10.h"

#include "engine/io/file.h"
#include "kernels/common/error.h"

namespace seqpe::data {
namespace {

constexpr std::size_t kSide = 32, kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;
constexpr int kClasses = 10;

}  // namespace

void append_cifar10(std::span<const std::byte> bytes, const std::string& name,
                    LabeledImages& images) {
  require<DataError>(!bytes.empty() && bytes.size() % kRecord == 0,
                     "[cifar10] {}: expected records of {} bytes (a label and 3 x 32 x 32 values), "
                     "got a file of {} bytes.",
                     name, kRecord, bytes.size());
  images.height = images.width = kSide;
  const std::size_t before = images.pixels.size();
  images.pixels.resize(before + bytes.size() / kRecord * (kRecord - 1));
  std::uint8_t* out = images.pixels.data() + before;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kRecord) {
    const auto record = bytes.subspan(begin, kRecord);
    const auto label = std::to_integer<int>(record[0]);
    require<DataError>(label < kClasses,
                       "[cifar10] {}: expected labels from 0 to {}, got {} in record {}.", name,
                       kClasses - 1, label, begin / kRecord);
    images.labels.push_back(label);
    for (std::size_t pixel = 0; pixel < kPlane; ++pixel) {
      for (std::size_t channel = 0; channel < 3; ++channel)
        *out++ = std::to_integer<std::uint8_t>(record[1 + channel * kPlane + pixel]);
    }
  }
}

LabeledImages read_cifar10(const std::filesystem::path& folder, Split split) {
  LabeledImages images;
  const auto append = [&](const std::filesystem::path& path) {
    append_cifar10(io::read_file(path), path.string(), images);
  };
  if (split == Split::test) {
    append(folder / "test_batch.bin");
    return images;
  }
  for (int batch = 1; batch <= 5; ++batch) {
    const auto path = folder / fmt::format("data_batch_{}.bin", batch);
    std::error_code missing;  // also where the folder may not be looked into
    if (std::filesystem::exists(path, missing)) append(path);
  }
  require<DataError>(!images.labels.empty(),
                     "[cifar10] {}: expected data_batch_1.bin to data_batch_5.bin or some of them, "
                     "found none. Hint: name the folder of CIFAR-10's binary version.",
                     folder.string());
  return images;
}

}  // namespace seqpe::data
