// Other data have another fingerprint.
#include "engine/data/fingerprint.h"

#include <gtest/gtest.h>

#include <utility>

namespace seqpe::data {
namespace {

TEST(Fingerprint, OfTextTellsTokensTheirOrderAndTheirChunks) {
  const std::string one = fingerprint(Chunks{{1, 2, 3}, {4}});
  EXPECT_EQ(fingerprint(Chunks{{1, 2, 3}, {4}}), one);
  for (const Chunks& other :
       {Chunks{{1, 2, 3}, {5}}, Chunks{{1, 2}, {3, 4}}, Chunks{{4}, {1, 2, 3}}, Chunks{{1, 2, 3}}})
    EXPECT_NE(fingerprint(other), one);
}

/// Images that are never looked at.
class Labels final : public ImageDataset {
 public:
  Labels(std::vector<std::string> classes, std::vector<std::int64_t> labels)
      : classes_(std::move(classes)), labels_(std::move(labels)) {}
  std::string kind() const override { return "labels"; }
  std::string split() const override { return "all"; }
  std::int64_t count() const override { return static_cast<std::int64_t>(labels_.size()); }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int64_t label(std::int64_t index) const override {
    return labels_[static_cast<std::size_t>(index)];
  }
  Image image(std::int64_t) const override { throw Error("not to be decoded"); }

 private:
  std::vector<std::string> classes_;
  std::vector<std::int64_t> labels_;
};

TEST(Fingerprint, OfImagesTellsClassesAndLabels) {
  const std::string one = fingerprint(Labels({"cat", "dog"}, {0, 1, 1}));
  EXPECT_EQ(fingerprint(Labels({"cat", "dog"}, {0, 1, 1})), one);
  EXPECT_NE(fingerprint(Labels({"cat", "dog"}, {1, 0, 1})), one);
  EXPECT_NE(fingerprint(Labels({"cat", "dog"}, {0, 1})), one);
  EXPECT_NE(fingerprint(Labels({"cat", "cow"}, {0, 1, 1})), one);
}

}  // namespace
}  // namespace seqpe::data
