#include "kernels/simt/source_line.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <map>
#include <mutex>
#include <vector>

namespace seqpe::simt {
namespace {

/// What addr2line prints of the byte `before` the address; nothing if it cannot be found out.
std::vector<std::string> addr2line(const char* options, const void* address, int before) {
  std::vector<std::string> lines;
  Dl_info info{};
  if (address == nullptr || dladdr(address, &info) == 0) return lines;
  const auto offset =
      static_cast<const char*>(address) - static_cast<const char*>(info.dli_fbase) - before;
  const std::string command =
      fmt::format("addr2line {} -e '{}' {:#x}", options, info.dli_fname, offset);
  FILE* output = ::popen(command.c_str(), "r");
  if (output == nullptr) return lines;
  std::array<char, 2048> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), output) != nullptr)
    lines.emplace_back(buffer.data(), std::string(buffer.data()).find_first_of('\n'));
  ::pclose(output);
  return lines;
}

void erase_all(std::string& text, const std::string& what) {
  for (auto place = text.find(what); place != std::string::npos; place = text.find(what))
    text.erase(place, what.size());
}

std::string find_line(const void* site) {
  for (const std::string& text : addr2line("-i", site, 1)) {
    std::string line = text.substr(0, text.find(' '));
    for (const char* folder : {"/kernels/", "/tests/"}) {
      if (const auto place = line.find(folder); place != std::string::npos)
        line = line.substr(place + 1);
    }
    if (line.find("kernels/simt/") == std::string::npos && line[0] != '?' && !line.ends_with('?') &&
        !line.ends_with(":0"))
      return line;
  }
  return kUnknownLine;
}

}  // namespace

std::string source_line(const void* site) {
  static std::mutex mutex;
  static std::map<const void*, std::string> known;
  const std::lock_guard lock(mutex);
  auto found = known.find(site);
  if (found == known.end()) found = known.emplace(site, find_line(site)).first;
  return found->second;
}

std::string function_name(const void* code) {
  const std::vector<std::string> lines = addr2line("-f -C", code, 0);
  if (lines.empty()) return "an unknown function";
  std::string name = lines[0];
  for (const char* part : {"(anonymous namespace)::", "seqpe::", "kernels::", "cuda::", "simt::"})
    erase_all(name, part);
  if (name.starts_with("void ")) name.erase(0, 5);
  return name.substr(0, name.find('('));
}

}  // namespace seqpe::simt
