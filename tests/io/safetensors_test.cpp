#include "engine/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <type_traits>

#include "engine/core/random.h"
#include "engine/io/file.h"
#include "tests/support/expect_error.h"
#include "tests/support/random_tensor.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/tensor_compare.h"

namespace seqpe::io {
namespace {

using Named = std::vector<std::pair<std::string, Tensor>>;

/// The bytes of a file with this header and so many bytes of data.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + std::string(data_bytes, 'x');
}

Tensor of_type(DType dtype, const Shape& shape) {
  const Tensor tensor = Tensor::zeros(shape, dtype);
  for (std::size_t i = 0; i < tensor.bytes(); ++i) {
    static_cast<unsigned char*>(tensor.data())[i] = static_cast<unsigned char>(7 * i + 1);
  }
  return tensor;
}

class SafetensorsTest : public testing::Test {
 protected:
  /// The message that refuses a file with these bytes, without its common beginning.
  std::string refusal(const std::string& bytes) {
    const auto path = folder_.write("file", bytes);
    const std::string begin = fmt::format("[safetensors] {}: ", path.string());
    const std::string message =
        test::error_of<CheckpointError>([&] { SafetensorsFile::open(path); });
    EXPECT_TRUE(message.starts_with(begin)) << message;
    return message.substr(std::min(begin.size(), message.size()));
  }
  std::string small_file() {
    const auto path = folder_ / "small";
    write_safetensors(path, {{"a", of_type(DType::f32, {2})}, {"b", of_type(DType::u8, {3})}},
                      {{"k", "v"}});
    return read_text(path);
  }

  test::TemporaryDirectory folder_;
};

TEST_F(SafetensorsTest, RoundTripsEveryType) {
  Named tensors;
  for (const DType dtype :
       {DType::f32, DType::f64, DType::bf16, DType::i32, DType::i64, DType::u8}) {
    for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{2, 0, 4}, Shape{1}}) {
      tensors.emplace_back(std::string(name_of(dtype)) + " " + to_string(shape),
                           of_type(dtype, shape));
    }
  }
  const std::map<std::string, std::string> metadata{{"config", "{\"a\": 1}"}, {"\xc3\xa9\n", ""}};
  write_safetensors(folder_ / "all", tensors, metadata);
  const auto file = SafetensorsFile::open(folder_ / "all");
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(file.contains(name));
    EXPECT_EQ(file.at(name).data.size(), tensor.bytes());
    test::expect_same(file.tensor(name), tensor);
  }
}

TEST_F(SafetensorsTest, LayoutIsTheFormats) {
  // Size of the header, little-endian, padded with spaces to 8; then the data in the given order.
  const std::string bytes = small_file();
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  std::string expected = file_of(header + std::string((8 - header.size() % 8) % 8, ' '), 0);
  for (const int size : {8, 3}) {
    for (int i = 0; i < size; ++i) expected += static_cast<char>(7 * i + 1);
  }
  EXPECT_EQ(bytes, expected);
}

TEST_F(SafetensorsTest, OrderIsThatOfTheBytes) {
  const std::string header = R"({"z":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})";
  const auto file = SafetensorsFile::open(folder_.write("file", file_of(header, 3)));
  EXPECT_EQ(file.entries()[0].name, "z");
  EXPECT_EQ(file.entries()[1].name, "a");
  EXPECT_TRUE(SafetensorsFile::open(folder_.write("none", file_of("{}", 0))).entries().empty());
}

TEST_F(SafetensorsTest, UnknownNamesAndUnwritableTensors) {
  write_safetensors(folder_ / "one", {{"a", of_type(DType::f32, {1})}});
  const auto file = SafetensorsFile::open(folder_ / "one");
  EXPECT_FALSE(file.contains("b"));
  test::expect_error<CheckpointError>(
      [&] { file.tensor("b"); },
      fmt::format("[safetensors] {}: there is no tensor 'b'.", (folder_ / "one").string()));
  const Tensor one = of_type(DType::f32, {1});
  test::expect_error<CheckpointError>(
      [&] {
        write_safetensors(folder_ / "two", {{"a", one}, {"a", one}});
      },
      fmt::format("[safetensors] {}: the tensor 'a' occurs twice.", (folder_ / "two").string()));
  test::expect_error<CheckpointError>(
      [&] { SafetensorsFile::open(folder_ / "missing"); },
      fmt::format("[file] cannot read {}: No such file or directory.",
                  (folder_ / "missing").string()));
}

TEST_F(SafetensorsTest, TruncatedAnywhere) {
  const std::string bytes = small_file();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string message = refusal(bytes.substr(0, size));
    const std::size_t header = bytes.size() - 8 - 11;
    const std::string expected =
        size < 8 ? fmt::format("needs at least 8 bytes, has {}.", size)
        : size < 8 + header
            ? fmt::format("the header's size must fit the file of {} bytes, got {}.", size, header)
            : fmt::format("must lie in the {} bytes of data", size - 8 - header);
    EXPECT_NE(message.find(expected), std::string::npos) << size << ": " << message;
  }
  EXPECT_EQ(refusal(bytes + "x"), "the tensors take 11 bytes, the file has 12.");
}

TEST_F(SafetensorsTest, HeaderSizes) {
  std::string bytes = small_file();
  const std::size_t size = bytes.size();
  for (const std::uint64_t header : {std::uint64_t{size - 7}, std::uint64_t{100'000'001},
                                     ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    std::memcpy(bytes.data(), &header, 8);
    EXPECT_EQ(
        refusal(bytes),
        fmt::format("the header's size must fit the file of {} bytes, got {}.", size, header));
  }
  for (const std::uint64_t header : {0, 1, 20}) {
    std::memcpy(bytes.data(), &header, 8);
    EXPECT_TRUE(refusal(bytes).starts_with("the header must be JSON: ")) << header;
  }
}

/// A header with one tensor `t`.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return fmt::format(R"({{"t":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape,
                     offsets);
}

TEST_F(SafetensorsTest, MalformedHeaders) {
  const std::string f32 = R"("F32")", malformed = "tensor 't': expected {dtype, shape, ";
  const std::string t = R"("t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  const std::string u = R"("u":{"dtype":"U8","shape":[1],"data_offsets":)";
  struct Case {
    std::string header;
    std::size_t data_bytes;
    std::string message;  // its beginning
  };
  const std::vector<Case> cases{
      {"not JSON", 0, "the header must be JSON: "},
      {"{\"t\xff\": 1}", 0, "the header must be JSON: "},
      {"[]", 0, "the header must be a JSON object, got array."},
      {"null", 0, "the header must be a JSON object, got null."},
      {"{" + t + "," + t + "}", 1, "the header has the key 't' twice."},
      {R"({"t":{"dtype":"U8","dtype":"I32","shape":[1],"data_offsets":[0,1]}})", 1,
       "the header has the key 'dtype' twice."},
      {R"({"__metadata__":{"a":"b","a":"c"}})", 0, "the header has the key 'a' twice."},
      {R"({"__metadata__":["a"]})", 0, "__metadata__ must be a JSON object, got array."},
      {R"({"__metadata__":"a"})", 0, "__metadata__ must be a JSON object, got string."},
      {R"({"__metadata__":{"a":1}})", 0, "metadata 'a' must be a string, got number."},
      {"{\"t\":" + std::string(1 << 20, '['), 0, "the header must have at most 3 levels."},
      {"{\"t\":{\"shape\":[[1]]}}", 0, "the header must have at most 3 levels."},
      {R"({"t":1})", 0, malformed},
      {R"({"t":{"dtype":"F32"}})", 0, malformed},
      {one("1", "[1]", "[0,4]"), 4, malformed},
      {one(f32, "1", "[0,4]"), 4, malformed},
      {one(f32, "[-1]", "[0,4]"), 4, malformed},
      {one(f32, "[1.0]", "[0,4]"), 4, malformed},
      {one(f32, "[\"1\"]", "[0,4]"), 4, malformed},
      {one(f32, "[18446744073709551616]", "[0,4]"), 4, malformed},
      {one(f32, "[1]", "[0]"), 4, malformed},
      {one(f32, "[1]", "[0,4,8]"), 4, malformed},
      {one(f32, "[1]", "[-4,0]"), 4, malformed},
      {one(R"("F16")", "[2]", "[0,4]"), 4,
       "tensor 't': dtype must be F32, F64, BF16, I32, I64 or U8, got F16."},
      {one(R"("f32")", "[1]", "[0,4]"), 4, "tensor 't': dtype must be "},
      {one(f32, "[4611686018427387904,4]", "[0,4]"), 4,
       "tensor 't': the shape [4611686018427387904,4] is too large."},
      {one(f32, "[0,9223372036854775808]", "[0,0]"), 0,
       "tensor 't': the shape [0,9223372036854775808] is too large."},
      {one(f32, "[18446744073709551615]", "[0,4]"), 4,
       "tensor 't': the shape [18446744073709551615] is too large."},
      {one(f32, "[1]", "[4,0]"), 4, "tensor 't': bytes [4, 0) must lie in the 4 bytes of data."},
      {one(f32, "[1]", "[0,8]"), 4, "tensor 't': bytes [0, 8) must lie in the 4 bytes of data."},
      {one(f32, "[2]", "[0,4]"), 4, "tensor 't': f32 [2] needs 8 bytes, data_offsets give 4."},
      {one(f32, "[]", "[0,8]"), 8, "tensor 't': f32 [] needs 4 bytes, data_offsets give 8."},
      {one(f32, "[1]", "[4,8]"), 8,
       "tensor 't' must begin at byte 0 of the data (no holes, no overlaps), begins at 4."},
      {"{" + t + "," + u + "[0,1]}}", 1,
       "tensor 'u' must begin at byte 1 of the data (no holes, no overlaps), begins at 0."},
      {"{" + t + "," + u + "[2,3]}}", 3,
       "tensor 'u' must begin at byte 1 of the data (no holes, no overlaps), begins at 2."},
      {"{}", 2, "the tensors take 0 bytes, the file has 2."}};
  for (const auto& [header, data_bytes, message] : cases) {
    EXPECT_TRUE(refusal(file_of(header, data_bytes)).starts_with(message))
        << header.substr(0, 200) << "\n"
        << refusal(file_of(header, data_bytes)) << "\n"
        << message;
  }
}

static_assert(!std::is_copy_constructible_v<SafetensorsFile> &&
              !std::is_copy_assignable_v<SafetensorsFile>);

TEST_F(SafetensorsTest, AMoveTakesTheBytesAlong) {
  const Tensor a = of_type(DType::f32, {100}), b = of_type(DType::f32, {200});
  write_safetensors(folder_ / "a", {{"a", a}});
  write_safetensors(folder_ / "b", {{"b", b}});
  std::optional<SafetensorsFile> first = SafetensorsFile::open(folder_ / "a");
  SafetensorsFile moved = std::move(*first);
  first.reset();
  test::expect_same(moved.tensor("a"), a);
  std::optional<SafetensorsFile> second = SafetensorsFile::open(folder_ / "b");
  moved = std::move(*second);
  second.reset();
  test::expect_same(moved.tensor("b"), b);
  EXPECT_FALSE(moved.contains("a"));
  EXPECT_EQ(moved.path(), folder_ / "b");
}

TEST_F(SafetensorsTest, ReadsIntoTensorsInTheirDtype) {
  const Tensor one = Tensor::zeros({2}, DType::f32), other = Tensor::zeros({1, 2}, DType::f64);
  write_safetensors(folder_ / "file", {{"other", Tensor::from({1, 2}, std::vector{1.5F, -2.0F})},
                                       {"foreign", of_type(DType::u8, {3})},
                                       {"one", Tensor::from({2}, std::vector{0.25, 3.0})}});
  read_safetensors_into({{"one", one}, {"other", other}}, SafetensorsFile::open(folder_ / "file"),
                        {"foreign"});
  test::expect_same(one, Tensor::from({2}, std::vector{0.25F, 3.0F}));
  test::expect_same(other, Tensor::from({1, 2}, std::vector{1.5, -2.0}));
}

TEST_F(SafetensorsTest, AFileThatDoesNotFitLeavesEveryTensorAsItWas) {
  const auto path = folder_ / "file";
  const auto f32 = [](const Shape& shape) { return Tensor::full(shape, 7); };
  struct Case {
    Named second;  // what the file holds beside a good 'a'
    std::string message;
  };
  const std::vector<Case> cases{
      {{{"b", f32({4})}}, "[checkpoint] {}: 'b' must have shape [3], has [4]."},
      {{{"b", f32({3, 1})}}, "[checkpoint] {}: 'b' must have shape [3], has [3, 1]."},
      {{{"b", of_type(DType::i32, {3})}}, "[checkpoint] {}: 'b' must be f32, f64 or bf16, is i32."},
      {{{"b", of_type(DType::i64, {3})}}, "[checkpoint] {}: 'b' must be f32, f64 or bf16, is i64."},
      {{{"b", of_type(DType::u8, {3})}}, "[checkpoint] {}: 'b' must be f32, f64 or bf16, is u8."},
      {{}, "[safetensors] {}: there is no tensor 'b'."},
      {{{"b", f32({3})}, {"c", f32({1})}},
       "[checkpoint] {}: the model has no parameter 'c'. Hint: is it of another model?"}};
  for (const auto& [second, message] : cases) {
    SCOPED_TRACE(message);
    Named stored{{"a", f32({2})}};
    stored.insert(stored.end(), second.begin(), second.end());
    write_safetensors(path, stored);
    const Tensor a = of_type(DType::f32, {2}), b = of_type(DType::f32, {3});
    test::expect_error<CheckpointError>(
        [&] {
          read_safetensors_into({{"a", a}, {"b", b}}, SafetensorsFile::open(path), {"also"});
        },
        fmt::format(fmt::runtime(message), path.string()));
    test::expect_same(a, of_type(DType::f32, {2}));
    test::expect_same(b, of_type(DType::f32, {3}));
  }
}

TEST_F(SafetensorsTest, MutatedFilesLoadOrAreRefused) {
  const std::string good = small_file();
  const std::string words[] = {"[",   "{",    "\"",  "-1", "0", "9223372036854775808",
                               "1e9", "null", "F64", "a",  ",", "\xff"};
  PhiloxGenerator random({.seed = 1});
  const auto below = [&](std::size_t count) {
    return static_cast<std::size_t>(random.uniform_int(static_cast<std::int64_t>(count)));
  };
  int loaded = 0, refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = good;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t place = below(bytes.size());
      switch (below(4)) {
        case 0:
          bytes[place] = static_cast<char>(below(256));
          break;
        case 1:
          bytes[place] = static_cast<char>(bytes[place] ^ (1 << below(8)));
          break;
        case 2:
          bytes.erase(place, 1 + below(4));
          break;
        default:
          bytes.insert(place, words[below(std::size(words))]);
      }
      if (bytes.empty()) bytes = good;
    }
    if (below(2) == 0 && bytes.size() >= 8) {  // let the header's size fit again
      const std::uint64_t header = bytes.size() < 19 ? 0 : bytes.size() - 8 - 11;
      std::memcpy(bytes.data(), &header, 8);
    }
    try {
      const auto file = SafetensorsFile::open(folder_.write("mutated", bytes));
      for (const auto& entry : file.entries()) {
        EXPECT_EQ(file.tensor(entry.name).bytes(), entry.data.size());
      }
      ++loaded;
    } catch (const CheckpointError&) {
      ++refused;
    }
  }
  // Both outcomes have to be frequent, or the mutations test little.
  EXPECT_GT(loaded, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace seqpe::io
