#include "tools/seqpe_engine/library_text.h"

#include <fmt/format.h>

namespace seqpe::tools {
namespace {

std::string version_number(std::int64_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

}  // namespace

std::string header_text(std::int64_t version) {
  return version == 0 ? "headers not in this build" : "headers " + version_number(version);
}

std::string library_text(const LibraryVersions& versions, const std::string& package) {
  const auto& [run_time, header, least] = versions;
  std::string text = "missing: apt install " + package;
  if (run_time) text = *run_time == 0 ? "of unknown version" : version_number(*run_time);
  text += ", " + header_text(header);
  const std::int64_t runs = run_time.value_or(0) / 10000, built = header / 10000;
  if (run_time.value_or(0) > 0 && *run_time < least)
    return text + fmt::format("; warning: {} is the first that is used", version_number(least));
  if (runs == 0 || built == 0 || runs == built) return text;
  return text + fmt::format("; warning: built for version {}, version {} is here: apt install {}",
                            built, runs, package);
}

}  // namespace seqpe::tools
