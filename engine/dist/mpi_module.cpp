// libseqpe_mpi.so: MpiCalls by the MPI library that it is built against.
#include <mpi.h>

#include <fmt/format.h>

#include <limits>

#include "engine/dist/mpi_calls.h"
#include "kernels/common/error.h"

namespace seqpe::dist {
namespace {

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw CommunicationError(fmt::format("[mpi] {} failed: {}.", call, text));
}

int count_of(std::size_t bytes) {
  require<CommunicationError>(bytes <= std::numeric_limits<int>::max(),
                              "[mpi] a piece must be at most 2 GiB, got {} bytes.", bytes);
  return static_cast<int>(bytes);
}

class MpiRequest final : public MpiCalls::Request {
 public:
  bool is_done() override {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  }
  MPI_Request request = MPI_REQUEST_NULL;
};

class Mpi final : public MpiCalls {
 public:
  Mpi() {
    int provided = 0;
    // One thread calls it, but for an abort, which another may ask for meanwhile.
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    require<CommunicationError>(provided >= MPI_THREAD_SERIALIZED,
                                "[mpi] the library must let any thread call it "
                                "(MPI_THREAD_SERIALIZED), it offers level {}.",
                                provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm local = MPI_COMM_NULL;
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local),
          "MPI_Comm_split_type");
    check(MPI_Comm_rank(local, &local_rank_), "MPI_Comm_rank");
    MPI_Comm_free(&local);
    check(MPI_Comm_dup(MPI_COMM_WORLD, &signs_), "MPI_Comm_dup");
  }

  int rank() const override {
    int rank = 0;
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    return rank;
  }
  int size() const override {
    int size = 0;
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    return size;
  }
  int local_rank() const override { return local_rank_; }
  std::string version() const override {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
    int length = 0;
    check(MPI_Get_library_version(text, &length), "MPI_Get_library_version");
    const std::string all(text);
    return all.substr(0, all.find_first_of(",\n"));
  }

  std::unique_ptr<Request> all_to_all(const void* send, void* receive, std::size_t bytes) override {
    auto out = std::make_unique<MpiRequest>();
    const int count = count_of(bytes);
    check(MPI_Ialltoall(send, count, MPI_BYTE, receive, count, MPI_BYTE, MPI_COMM_WORLD,
                        &out->request),
          "MPI_Ialltoall");
    return out;
  }
  std::unique_ptr<Request> all_gather(void* all, std::size_t bytes) override {
    auto out = std::make_unique<MpiRequest>();
    check(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_BYTE, all, count_of(bytes), MPI_BYTE, MPI_COMM_WORLD,
                         &out->request),
          "MPI_Iallgather");
    return out;
  }
  std::unique_ptr<Request> barrier() override {
    auto out = std::make_unique<MpiRequest>();
    check(MPI_Ibarrier(MPI_COMM_WORLD, &out->request), "MPI_Ibarrier");
    return out;
  }

  void send_sign(int to, char sign) override {
    MPI_Request request = MPI_REQUEST_NULL;  // the tag is the message: no buffer must outlive this
    check(MPI_Isend(nullptr, 0, MPI_BYTE, to, sign, signs_, &request), "MPI_Isend");
    check(MPI_Request_free(&request), "MPI_Request_free");
  }
  std::optional<char> receive_sign(int from) override {
    int is_there = 0;
    MPI_Status sign{};
    check(MPI_Iprobe(from, MPI_ANY_TAG, signs_, &is_there, &sign), "MPI_Iprobe");
    if (is_there == 0) return {};
    check(MPI_Recv(nullptr, 0, MPI_BYTE, from, sign.MPI_TAG, signs_, MPI_STATUS_IGNORE),
          "MPI_Recv");
    return static_cast<char>(sign.MPI_TAG);
  }

  void finish() override {
    check(MPI_Comm_free(&signs_), "MPI_Comm_free");
    check(MPI_Finalize(), "MPI_Finalize");
  }
  void abort(int code) override {
    MPI_Abort(MPI_COMM_WORLD, code);
    std::abort();
  }

 private:
  int local_rank_ = 0;
  MPI_Comm signs_ = MPI_COMM_NULL;
};

}  // namespace
}  // namespace seqpe::dist

extern "C" seqpe::dist::MpiCalls* seqpe_open_mpi() {
  static seqpe::dist::Mpi mpi;
  return &mpi;
}
