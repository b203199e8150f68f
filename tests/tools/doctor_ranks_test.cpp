// The traps that `doctor` sees in how processes were started.
#include "tools/seqpe_engine/doctor_ranks.h"

#include <gtest/gtest.h>

namespace seqpe::tools {
namespace {

RankPlace place(const std::string& host, int cores = 8, const std::string& gpu = "") {
  return {.host = host,
          .local_rank = 0,
          .cores = cores,
          .cores_of_host = 8,
          .gpu = gpu,
          .networks = {"eth0 10.0.0.1"}};
}

TEST(DoctorRanks, WhatIsWellHasNoHints) {
  EXPECT_TRUE(traps_of({place("a"), place("a"), place("b")}).empty());
  EXPECT_TRUE(traps_of(std::vector<RankPlace>(8, place("a", 1))).empty()) << "a core each";
  EXPECT_TRUE(traps_of({place("a", 8, "GPU 0"), place("a", 8, "GPU 1")}).empty());
}

TEST(DoctorRanks, Traps) {
  EXPECT_EQ(traps_of({place("a", 1), place("a", 1)}),
            (std::vector<std::string>{
                "a: each process is bound to one of 8 cores: mpirun --bind-to none"}));
  EXPECT_EQ(traps_of(std::vector<RankPlace>(9, place("a"))),
            (std::vector<std::string>{"a: 9 processes share 8 cores: fewer a host"}));
  EXPECT_EQ(traps_of({place("a", 8, "GPU 0"), place("a")}),
            (std::vector<std::string>{"a: 2 processes, 1 GPUs: a process needs one of its own"}));
  EXPECT_EQ(traps_of({place("a", 8, "GPU 0"), place("a", 8, "GPU 0"), place("b", 8, "GPU 0")}),
            (std::vector<std::string>{"a: 2 processes share GPU 0: NCCL refuses that, each needs "
                                      "one of its own"}));
  RankPlace bound = place("a", 1);
  bound.cores_of_host = 2;
  bound.allowed = "0";
  EXPECT_EQ(traps_of({bound, bound}),
            (std::vector<std::string>{"a: 2 processes share the cores 0: mpirun --bind-to none"}));
  RankPlace two = place("a");
  two.networks.emplace_back("docker0 172.17.0.1");
  EXPECT_EQ(traps_of({two, place("b")}),
            (std::vector<std::string>{
                "a: several networks (eth0 10.0.0.1, docker0 172.17.0.1): if it hangs or is slow "
                "name the one between the hosts, mpirun --mca btl_tcp_if_include NAME, "
                "NCCL_SOCKET_IFNAME=NAME"}));
}

}  // namespace
}  // namespace seqpe::tools
