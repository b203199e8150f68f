#include <algorithm>

#include "kernels/common/error.h"
#include "tools/kernel_costs/case.h"

namespace seqpe::costs {

std::vector<Case> all_cases() {
  std::vector<Case> all = row_cases();
  for (const auto& cases : {table_cases(), attention_cases(), image_cases()})
    all.insert(all.end(), cases.begin(), cases.end());
  return all;
}

std::vector<Case> cases_named(const std::string& part) {
  std::vector<Case> cases = all_cases();
  std::erase_if(cases, [&](const Case& one) { return one.name.find(part) == std::string::npos; });
  require<UsageError>(!cases.empty(), "[bench] no kernel has '{}' in its name.", part);
  return cases;
}

}  // namespace seqpe::costs
