// NCCL's group with one rank, for tests: everything goes through it, and nothing may change.
#pragma once

#include <memory>

#include "engine/dist/make_nccl.h"
#include "engine/dist/nccl_group.h"
#include "tests/support/hosts.h"

namespace seqpe::test {

/// Throws CommunicationError where there is no NCCL.
inline std::unique_ptr<dist::ProcessGroup> one_nccl_rank(bool deterministic = false) {
  auto host = std::make_unique<Hosts>(1);
  auto calls = dist::make_nccl(*host);
  return std::make_unique<dist::NcclGroup>(std::move(calls), std::move(host), deterministic, 30);
}

}  // namespace seqpe::test
