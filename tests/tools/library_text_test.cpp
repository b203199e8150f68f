#include "tools/seqpe_engine/library_text.h"

#include <gtest/gtest.h>

namespace seqpe::tools {
namespace {

TEST(LibraryText, TellsBothVersions) {
  EXPECT_EQ(library_text({22809, 22703}, "libnccl2"), "2.28.9, headers 2.27.3");
  EXPECT_EQ(library_text({130100, 0}, "libcublas-13-0"), "13.1.0, headers not in this build");
  EXPECT_EQ(library_text({0, 91900}, "libcudnn9-cuda-13"), "of unknown version, headers 9.19.0");
}

TEST(LibraryText, TellsHowToGetWhatIsMissing) {
  EXPECT_EQ(library_text({std::nullopt, 22809}, "libnccl2"),
            "missing: apt install libnccl2, headers 2.28.9");
  EXPECT_EQ(library_text({std::nullopt, 0}, "libnccl2"),
            "missing: apt install libnccl2, headers not in this build");
}

TEST(LibraryText, WarnsWhereTheMajorVersionsDiffer) {
  EXPECT_EQ(library_text({91900, 80907}, "libcudnn9-cuda-13"),
            "9.19.0, headers 8.9.7; warning: built for version 8, version 9 is here: apt install "
            "libcudnn9-cuda-13");
}

TEST(LibraryText, WarnsWhereItIsTooOldToBeUsed) {
  EXPECT_EQ(library_text({91400, 91900, 91600}, "libcudnn9-cuda-13"),
            "9.14.0, headers 9.19.0; warning: 9.16.0 is the first that is used");
  EXPECT_EQ(library_text({91600, 91900, 91600}, "libcudnn9-cuda-13"), "9.16.0, headers 9.19.0");
  EXPECT_EQ(library_text({std::nullopt, 91900, 91600}, "libcudnn9-cuda-13"),
            "missing: apt install libcudnn9-cuda-13, headers 9.19.0");
  EXPECT_EQ(library_text({0, 91900, 91600}, "libcudnn9-cuda-13"),
            "of unknown version, headers 9.19.0");
}

}  // namespace
}  // namespace seqpe::tools
