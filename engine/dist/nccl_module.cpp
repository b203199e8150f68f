// libseqpe_nccl.so: NcclCalls by the NCCL library.
#include <nccl.h>

#include <fmt/format.h>

#include <cstring>
#include <mutex>

#include "engine/dist/nccl_calls.h"
#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

void check(ncclResult_t result, const char* call, ncclComm_t communicator = nullptr) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  throw CommunicationError(fmt::format("[nccl] {}: {}. {} Hint: NCCL_DEBUG=INFO tells more.", call,
                                       ncclGetErrorString(result), ncclGetLastError(communicator)));
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
    if (communicator_ != nullptr) ncclCommDestroy(communicator_);
  }

  std::string unique_id() override {
    ncclUniqueId id;
    check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    return {id.internal, sizeof id.internal};
  }
  void connect(const std::string& id, int rank, int size) override {
    ncclUniqueId known;
    require<CommunicationError>(id.size() == sizeof known.internal,
                                "[nccl] an id must have {} bytes, got {}.", sizeof known.internal,
                                id.size());
    std::memcpy(known.internal, id.data(), id.size());
    check(ncclCommInitRank(&communicator_, size, known, rank), "ncclCommInitRank");
    rank_ = rank;
    size_ = size;
  }

  void all_reduce(void* x, std::int64_t count, DType dtype, void* stream) override {
    const auto lock = connected();
    check(ncclAllReduce(x, x, static_cast<std::size_t>(count), type_of(dtype), ncclSum,
                        communicator_, static_cast<cudaStream_t>(stream)),
          "ncclAllReduce", communicator_);
  }
  void reduce_scatter(void* x, std::int64_t count, DType dtype, void* stream) override {
    const auto lock = connected();
    check(ncclReduceScatter(x, piece(x, rank_, count, dtype), static_cast<std::size_t>(count),
                            type_of(dtype), ncclSum, communicator_,
                            static_cast<cudaStream_t>(stream)),
          "ncclReduceScatter", communicator_);
  }
  void all_gather(void* x, std::int64_t count, DType dtype, void* stream) override {
    const auto lock = connected();
    check(ncclAllGather(piece(x, rank_, count, dtype), x, static_cast<std::size_t>(count),
                        type_of(dtype), communicator_, static_cast<cudaStream_t>(stream)),
          "ncclAllGather", communicator_);
  }
  void exchange(const void* send, void* receive, std::int64_t count, DType dtype,
                void* stream) override {
    const auto lock = connected();
    const auto elements = static_cast<std::size_t>(count);
    auto* const on = static_cast<cudaStream_t>(stream);
    check(ncclGroupStart(), "ncclGroupStart");
    for (int peer = 0; peer < size_; ++peer) {
      check(ncclSend(piece(send, peer, count, dtype), elements, type_of(dtype), peer, communicator_,
                     on),
            "ncclSend", communicator_);
      check(ncclRecv(piece(receive, peer, count, dtype), elements, type_of(dtype), peer,
                     communicator_, on),
            "ncclRecv", communicator_);
    }
    check(ncclGroupEnd(), "ncclGroupEnd", communicator_);
  }

  std::string error() override {
    const std::scoped_lock lock(mutex_);
    ncclResult_t result = ncclSuccess;
    if (communicator_ == nullptr) return "";
    ncclCommGetAsyncError(communicator_, &result);
    return result == ncclSuccess || result == ncclInProgress ? "" : ncclGetErrorString(result);
  }
  void abort() override {
    const std::scoped_lock lock(mutex_);
    if (communicator_ != nullptr) ncclCommAbort(communicator_);
    communicator_ = nullptr;
  }

 private:
  /// A thread that watches may have ended the communicator: to be locked for every use of it.
  std::unique_lock<std::mutex> connected() {
    std::unique_lock lock(mutex_);
    require<CommunicationError>(communicator_ != nullptr, "[nccl] the communicator was aborted.");
    return lock;
  }

  std::mutex mutex_;
  ncclComm_t communicator_ = nullptr;
  int rank_ = 0, size_ = 1;
};

}  // namespace
}  // namespace seqpe::dist

extern "C" seqpe::dist::NcclCalls* seqpe_open_nccl() {
  return new seqpe::dist::Nccl;
}
