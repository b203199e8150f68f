#include "tools/seqpe_engine/libraries.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include "kernels/attention_backend.h"
#include "kernels/header_versions.h"
#include "tools/seqpe_engine/commands.h"
#include "tools/seqpe_engine/library_text.h"
#include "tools/seqpe_engine/shared_library.h"

namespace seqpe::tools {
namespace {

namespace fs = std::filesystem;

using Version = std::optional<std::int64_t>;

/// What cuBLASLt's and cuDNN's own functions return.
Version returned_version(const std::vector<const char*>& names, const char* function) {
  const SharedLibrary library(names);
  if (!library.is_there()) return std::nullopt;
  auto* const get = library.function<std::size_t()>(function);
  return get == nullptr ? 0 : static_cast<std::int64_t>(get());
}

Version nccl_version() {
  const SharedLibrary library({"libnccl.so.2"});
  if (!library.is_there()) return std::nullopt;
  int version = 0;
  auto* const get = library.function<int(int*)>("ncclGetVersion");
  return get == nullptr || get(&version) != 0 ? 0 : version;
}

Version onednn_version() {
  struct Numbers {  // as dnnl_version_t begins
    int major, minor, patch;
  };
  // First the one that this build is linked with.
  const std::string own = fmt::format("libdnnl.so.{}", kernels::onednn_header_version() / 10000);
  const SharedLibrary library({own.c_str(), "libdnnl.so.3", "libdnnl.so.2"});
  if (!library.is_there()) return std::nullopt;
  auto* const get = library.function<const Numbers*()>("dnnl_version");
  if (get == nullptr) return 0;
  const Numbers& numbers = *get();
  return kernels::version_number(numbers.major, numbers.minor, numbers.patch);
}

/// Empty if it is neither on PATH nor where the CUDA Toolkit puts it.
fs::path find_nvcc() {
  const char* const path = std::getenv("PATH");
  std::istringstream folders((path == nullptr ? "" : std::string(path)) + ":/usr/local/cuda/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder) / "nvcc";
    if (::access(program.c_str(), X_OK) == 0) return program;
  }
  return {};
}

/// "nvcc 13.0.88 (/usr/local/cuda/bin/nvcc)".
std::string nvcc_text(const std::string& package) {
  const fs::path program = find_nvcc();
  if (program.empty()) return "nvcc missing: apt install " + package;
  const std::string command = shell_quoted(program.string()) + " --version 2> /dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(::popen(command.c_str(), "r"),
                                                               ::pclose);
  std::string text;
  for (std::array<char, 256> line{};
       output && std::fgets(line.data(), line.size(), output.get()) != nullptr;)
    text += line.data();
  const std::size_t mark = text.find(", V");  // Cuda compilation tools, release 13.0, V13.0.88
  const std::string version = mark == std::string::npos
                                  ? "of unknown version"
                                  : text.substr(mark + 3, text.find('\n', mark) - mark - 3);
  return fmt::format("nvcc {} ({})", version, program.string());
}

}  // namespace

std::string onednn_text() {
  return library_text({onednn_version(), kernels::onednn_header_version()}, "libdnnl-dev");
}

Facts cuda_libraries() {
  const std::int64_t built_with = kernels::cuda_header_version();
  // Packages of the version that the build was made with, or of one to make it with.
  const std::int64_t cuda = built_with > 0 ? built_with : kernels::version_number(13, 0, 0);
  const std::int64_t major = cuda / 10000, minor = cuda / 100 % 100;
  const std::string release = fmt::format("{}-{}", major, minor),
                    toolkit = built_with > 0 ? fmt::format("headers {}.{}", major, minor)
                                             : header_text(0);
  // First the one that this build is linked with.
  const std::string own_cublas = fmt::format("libcublasLt.so.{}", major);
  const Version cublas = returned_version({own_cublas.c_str(), "libcublasLt.so.12"},
                                          "cublasLtGetVersion"),
                cudnn = returned_version({"libcudnn.so.9"}, "cudnnGetVersion");
  return {{"CUDA Toolkit", toolkit + ", " + nvcc_text("cuda-toolkit-" + release)},
          {"cuBLASLt",
           library_text({cublas, kernels::cublas_header_version()}, "libcublas-" + release)},
          {"cuDNN", library_text({cudnn, kernels::cudnn_header_version(), kernels::kFirstCudnn},
                                 fmt::format("libcudnn9-cuda-{}", major)) +
                        " (for kernels.attention)"},
          {"NCCL", library_text({nccl_version(), kernels::nccl_header_version()}, "libnccl2") +
                       " (for several GPUs)"}};
}

}  // namespace seqpe::tools
