// libseqpe_nccl.so: NcclCalls by the NCCL library.
#include <nccl.h>

#include <fmt/format.h>

#include <atomic>
#include <cstring>

#include "engine/dist/nccl_calls.h"
#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

void check(ncclResult_t result, const char* call, ncclComm_t communicator = nullptr) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const std::string more = ncclGetLastError(communicator);
  throw CommunicationError(fmt::format("[nccl] {}: {}{}{}. Hint: NCCL_DEBUG=INFO tells more.", call,
                                       ncclGetErrorString(result), more.empty() ? "" : ": ", more));
}

ncclDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return ncclFloat32;
    case DType::f64:
      return ncclFloat64;
    case DType::bf16:
      return ncclBfloat16;
    case DType::i32:
      return ncclInt32;
    case DType::i64:
      return ncclInt64;
    case DType::u8:
      return ncclUint8;
  }
  throw CommunicationError("[nccl] no such dtype.");
}

std::byte* piece(const void* x, int index, std::int64_t count, DType dtype) {
  auto* const bytes = static_cast<std::byte*>(const_cast<void*>(x));
  return bytes + static_cast<std::size_t>(index) * static_cast<std::size_t>(count) * size_of(dtype);
}

class Nccl final : public NcclCalls {
 public:
  ~Nccl() override {
    if (ncclComm_t const communicator = communicator_) ncclCommDestroy(communicator);
  }

  std::string unique_id() override {
    ncclUniqueId id;
    check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    return {id.internal, sizeof id.internal};
  }
  void connect(const std::string& id, int rank, int size) override {
    // Before 2.19 an abort from another thread may hang.
    int version = 0;
    check(ncclGetVersion(&version), "ncclGetVersion");
    require<CommunicationError>(version >= NCCL_VERSION(2, 19, 1),
                                "[nccl] the library must be 2.19.1 or later, it is {}.{}.{}.",
                                version / 10000, version / 100 % 100, version % 100);
    ncclUniqueId known;
    require<CommunicationError>(id.size() == sizeof known.internal,
                                "[nccl] an id must have {} bytes, got {}.", sizeof known.internal,
                                id.size());
    std::memcpy(known.internal, id.data(), id.size());
    ncclComm_t communicator = nullptr;
    check(ncclCommInitRank(&communicator, size, known, rank), "ncclCommInitRank");
    communicator_ = communicator;
    rank_ = rank;
    size_ = size;
  }

  void all_reduce(void* x, std::int64_t count, DType dtype, void* stream) override {
    ncclComm_t const communicator = connected();
    check(ncclAllReduce(x, x, static_cast<std::size_t>(count), type_of(dtype), ncclSum,
                        communicator, static_cast<cudaStream_t>(stream)),
          "ncclAllReduce", communicator);
  }
  void reduce_scatter(void* x, std::int64_t count, DType dtype, void* stream) override {
    ncclComm_t const communicator = connected();
    check(
        ncclReduceScatter(x, piece(x, rank_, count, dtype), static_cast<std::size_t>(count),
                          type_of(dtype), ncclSum, communicator, static_cast<cudaStream_t>(stream)),
        "ncclReduceScatter", communicator);
  }
  void all_gather(void* x, std::int64_t count, DType dtype, void* stream) override {
    ncclComm_t const communicator = connected();
    check(ncclAllGather(piece(x, rank_, count, dtype), x, static_cast<std::size_t>(count),
                        type_of(dtype), communicator, static_cast<cudaStream_t>(stream)),
          "ncclAllGather", communicator);
  }
  void all_to_all(const void* send, void* receive, std::int64_t count, DType dtype,
                  void* stream) override {
    ncclComm_t const communicator = connected();
    const auto elements = static_cast<std::size_t>(count);
    auto* const on = static_cast<cudaStream_t>(stream);
    check(ncclGroupStart(), "ncclGroupStart");
    for (int peer = 0; peer < size_; ++peer) {
      check(ncclSend(piece(send, peer, count, dtype), elements, type_of(dtype), peer, communicator,
                     on),
            "ncclSend", communicator);
      check(ncclRecv(piece(receive, peer, count, dtype), elements, type_of(dtype), peer,
                     communicator, on),
            "ncclRecv", communicator);
    }
    check(ncclGroupEnd(), "ncclGroupEnd", communicator);
  }

  std::string error() override {
    ncclComm_t const communicator = communicator_;
    ncclResult_t result = ncclSuccess;
    if (communicator == nullptr) return "";
    ncclCommGetAsyncError(communicator, &result);
    return result == ncclSuccess || result == ncclInProgress ? "" : ncclGetErrorString(result);
  }
  void abort() override {
    if (ncclComm_t const communicator = communicator_.exchange(nullptr))
      ncclCommAbort(communicator);
  }

 private:
  ncclComm_t connected() const {
    ncclComm_t const communicator = communicator_;
    require<CommunicationError>(communicator != nullptr, "[nccl] the communicator was aborted.");
    return communicator;
  }

  // A thread that watches may end it while another is inside a call, which must not keep it
  // waiting.
  std::atomic<ncclComm_t> communicator_ = nullptr;
  int rank_ = 0, size_ = 1;
};

}  // namespace
}  // namespace seqpe::dist

extern "C" seqpe::dist::NcclCalls* seqpe_open_nccl() {
  return new seqpe::dist::Nccl;
}
