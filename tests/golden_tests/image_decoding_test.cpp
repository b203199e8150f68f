// Decoded files against Pillow's.
#include "engine/data/image_decoding.h"

#include "engine/io/sha256.h"
#include "tests/golden_tests/image_golden.h"

namespace seqpe {
namespace {

using nlohmann::json;

std::string sha256(const auto& bytes) {
  return io::sha256(bytes.data(), bytes.size());
}

TEST(GoldenImageDecoding, FilesOfEveryKind) {
  const test::ImageGolden golden("decode");
  for (const auto& [name, row] : golden.config.at("cases").items()) {
    SCOPED_TRACE(name);
    const auto path = test::goldens_dir("transforms") / row.at("file").get<std::string>();
    const std::vector<std::byte> file = io::read_file(path);
    EXPECT_EQ(sha256(file), row.at("sha256"));
    test::expect_same(data::decode_image(file, path), golden.image("out." + name + ".rgb"));
  }
}

TEST(GoldenImageDecoding, Photographs) {
  const json originals =
      json::parse(io::read_text(test::goldens_dir("transforms") / "decode_originals.json"));
  int checked = 0;
  for (const json& row : originals.at("images")) {
    const auto path = test::data_dir() / row.at("file").get<std::string>();
    SCOPED_TRACE(path);
    if (!std::getenv("SEQPE_DATA") && !std::filesystem::exists(path)) continue;
    const std::vector<std::byte> file = io::read_file(path);
    EXPECT_EQ(sha256(file), row.at("file_sha256"));
    const data::Image image = data::decode_image(file, path);
    EXPECT_EQ(image.height, row.at("height"));
    EXPECT_EQ(image.width, row.at("width"));
    EXPECT_EQ(sha256(image.pixels), row.at("rgb_sha256"));
    ++checked;
  }
  if (checked == 0) GTEST_SKIP() << "the shipped data hold no photographs; SEQPE_DATA may";
}

}  // namespace
}  // namespace seqpe
