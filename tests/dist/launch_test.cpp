// What the variables of launchers say.
#include "engine/dist/launch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <vector>

#include "kernels/common/error.h"
#include "tests/support/expect_error.h"

namespace seqpe::dist {
namespace {

constexpr const char* kAll[] = {"OMPI_COMM_WORLD_RANK",
                                "OMPI_COMM_WORLD_SIZE",
                                "PMI_RANK",
                                "PMI_SIZE",
                                "PMIX_RANK",
                                "SLURM_NTASKS",
                                "SLURM_STEP_NUM_TASKS",
                                "RANK",
                                "WORLD_SIZE",
                                "MASTER_ADDR",
                                "MASTER_PORT",
                                "LOCAL_RANK",
                                "TORCHELASTIC_RUN_ID",
                                "TORCHELASTIC_USE_AGENT_STORE"};

using Variables = std::map<std::string, std::string>;

Launch launch_with(const Variables& variables) {
  for (const char* name : kAll) ::unsetenv(name);
  for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  return find_launch();
}

class Launches : public testing::Test {
 protected:
  ~Launches() override { launch_with({}); }
};

TEST_F(Launches, WithoutALauncherTheProcessIsAlone) {
  const std::vector<Variables> alone = {
      {},
      {{"WORLD_SIZE", "1"}},
      {{"WORLD_SIZE", ""}},
      {{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}},
      {{"SLURM_NTASKS", "8"}},  // a shell in an allocation, and one process of mpirun there
      {{"SLURM_NTASKS", "8"},
       {"PMIX_RANK", "0"},
       {"OMPI_COMM_WORLD_SIZE", "1"},
       {"OMPI_COMM_WORLD_RANK", "0"}}};
  for (const Variables& variables : alone) {
    const Launch launch = launch_with(variables);
    EXPECT_EQ(launch.launcher, Launcher::none);
    EXPECT_EQ(launch.rank, 0);
    EXPECT_EQ(launch.size, 1);
  }
}

TEST_F(Launches, TasksThatSrunDoesNotConnectAreSeen) {
  launch_with({});
  EXPECT_EQ(unconnected_tasks(), 1);
  launch_with({{"SLURM_NTASKS", "8"}, {"SLURM_STEP_NUM_TASKS", "8"}});
  EXPECT_EQ(unconnected_tasks(), 8);
  launch_with({{"SLURM_NTASKS", "8"}, {"SLURM_STEP_NUM_TASKS", "8"}, {"PMIX_RANK", "3"}});
  EXPECT_EQ(unconnected_tasks(), 1);
}

TEST_F(Launches, TellHowToStartAsManyAgain) {
  const auto words = [](const Variables& variables) {
    return restart_words(launch_with(variables));
  };
  EXPECT_EQ(words({}), "");
  EXPECT_EQ(words({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "node1"}}), "");
  const Variables open_mpi = {{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}};
  EXPECT_EQ(words(open_mpi), "mpirun -np 4 --bind-to none ");
  EXPECT_EQ(words({{"PMI_SIZE", "4"}, {"PMI_RANK", "3"}}), "mpirun -np 4 --bind-to none ");
  EXPECT_EQ(words({{"SLURM_NTASKS", "4"}, {"PMIX_RANK", "3"}, {"SLURM_STEP_NUM_TASKS", "4"}}),
            "srun -n 4 --mpi=pmix ");
  EXPECT_EQ(words({{"PMI_SIZE", "4"}, {"PMI_RANK", "3"}, {"SLURM_STEP_NUM_TASKS", "4"}}),
            "srun -n 4 --mpi=pmi2 ");
}

TEST_F(Launches, AreOfMpi) {
  const std::vector<Variables> launched = {
      {{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}},
      {{"PMI_SIZE", "4"}, {"PMI_RANK", "3"}},
      {{"SLURM_NTASKS", "4"}, {"PMIX_RANK", "3"}}};
  for (const Variables& variables : launched) {
    const Launch launch = launch_with(variables);
    EXPECT_EQ(launch.launcher, Launcher::mpi);
    EXPECT_EQ(launch.rank, 3);
    EXPECT_EQ(launch.size, 4);
  }
}

TEST_F(Launches, AreOfTorchrunsVariables) {
  const Launch launch = launch_with({{"WORLD_SIZE", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "node1"}});
  EXPECT_EQ(launch.launcher, Launcher::store);
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.told_by, "WORLD_SIZE");
  EXPECT_EQ(launch.address, "node1");
  EXPECT_EQ(launch.port, 29500);
  EXPECT_EQ(launch.local_rank, 1);
  const Launch by_torchrun = launch_with({{"WORLD_SIZE", "8"},
                                          {"RANK", "5"},
                                          {"LOCAL_RANK", "1"},
                                          {"MASTER_ADDR", "node1"},
                                          {"MASTER_PORT", "4000"},
                                          {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  EXPECT_EQ(by_torchrun.local_rank, 1);
  EXPECT_EQ(by_torchrun.port, 4001) << "the port itself is that of torchrun's store";
  EXPECT_EQ(launch_with({{"WORLD_SIZE", "8"},
                         {"RANK", "5"},
                         {"MASTER_ADDR", "node1"},
                         {"TORCHELASTIC_RUN_ID", "none"},
                         {"SLURM_NTASKS", "2"},
                         {"PMIX_RANK", "1"}})
                .rank,
            5)
      << "srun started torchrun";
}

TEST_F(Launches, VariablesThatDoNotFitAreRefused) {
  const auto refused = [](const Variables& variables, const std::string& text) {
    test::expect_error_with<UsageError>([&] { launch_with(variables); }, text);
  };
  refused({{"WORLD_SIZE", "2"}}, "[dist] WORLD_SIZE is 2, so RANK must be set too. Hint: torchrun");
  refused({{"WORLD_SIZE", "2"}, {"RANK", "0"}}, "so MASTER_ADDR must be set too.");
  refused({{"WORLD_SIZE", "2"}, {"RANK", "0"}, {"MASTER_ADDR", "node1"}, {"MASTER_PORT", "70000"}},
          "[dist] MASTER_PORT must be at most 65535, the port of this job would be 70000.");
  refused({{"WORLD_SIZE", "0"}}, "[dist] the variable WORLD_SIZE must be at least 1, it is 0.");
  refused({{"WORLD_SIZE", "two"}},
          "[dist] the variable WORLD_SIZE must be a whole number, it is 'two'.");
  refused({{"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_COMM_WORLD_RANK", "2"}},
          "[dist] OMPI_COMM_WORLD_RANK must be below OMPI_COMM_WORLD_SIZE (2), it is 2.");
}

}  // namespace
}  // namespace seqpe::dist
