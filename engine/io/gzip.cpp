#include "engine/io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "kernels/common/error.h"

namespace seqpe::io {
namespace {

/// zlib's decompressor, which counts in 32 bits.
class Inflater {
 public:
  Inflater() {
    constexpr int kGzipOnly = 16;
    require(inflateInit2(&stream_, MAX_WBITS + kGzipOnly) == Z_OK, "[gzip] cannot start zlib.");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// One step from the front of `in` to the front of `out`, both cut down by what was used. Gives
  /// zlib's status.
  int step(std::span<const std::byte>& in, std::span<std::byte>& out) {
    constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
    // zlib does not write to its input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min(in.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), kMost));
    const uInt given = stream_.avail_in, room = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    in = in.subspan(given - stream_.avail_in);
    out = out.subspan(room - stream_.avail_out);
    return status;
  }
  const char* reason() const { return stream_.msg == nullptr ? "damaged" : stream_.msg; }

 private:
  z_stream stream_{};
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<std::byte> decompress_gzip(std::span<const std::byte> bytes, const std::string& name,
                                       std::size_t limit) {
  Inflater inflater;
  std::vector<std::byte> content;
  std::size_t done = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    // One byte beyond the limit, to see that there is more.
    if (content.size() == done)
      content.resize(std::min(std::max<std::size_t>(2 * done, 1 << 16), limit + 1));
    std::span<std::byte> room = std::span(content).subspan(done);
    status = inflater.step(bytes, room);
    done = content.size() - room.size();
    require<DataError>(done <= limit, "[gzip] {}: expected at most {} bytes in it, got more.", name,
                       limit);
    require<DataError>(status != Z_BUF_ERROR, "[gzip] {} ends early.", name);
    require<DataError>(status == Z_OK || status == Z_STREAM_END, "[gzip] {}: cannot unpack: {}.",
                       name, inflater.reason());
  }
  require<DataError>(bytes.empty(), "[gzip] {}: {} bytes follow behind its end.", name,
                     bytes.size());
  content.resize(done);
  return content;
}

}  // namespace seqpe::io
