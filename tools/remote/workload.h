// Workloads on a running cluster, for `vortex bench`: how much of it goes through in how much time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/remote/remote.h"

namespace vortex::remote {

struct WorkloadOptions {
  std::string workload;
  std::optional<std::uint64_t> size;     // of each file
  std::optional<std::uint64_t> count;    // operations
  std::optional<std::uint64_t> clients;  // operations on their way at once
  std::optional<double> seconds;         // ends it before `count`
  std::vector<int> nodes;                // processes of this machine whose processor time counts as the cluster's
};

struct WorkloadRun {
  std::string workload;
  std::uint64_t clients = 0, bytes = 0, ops = 0;
  double seconds = 0;
  double p50_ms = 0, p90_ms = 0, p99_ms = 0, max_ms = 0;
  double client_cpu_s = 0, nodes_cpu_s = 0;

  double mb_s() const { return seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0; }
  double ops_s() const { return seconds > 0 ? static_cast<double>(ops) / seconds : 0; }
};

std::vector<std::string> workloads();
// In a directory of its own, which is removed afterwards. The first operation that fails ends it.
Task<Result<WorkloadRun>> run_workload(Remote& on, WorkloadOptions options);

}  // namespace vortex::remote
