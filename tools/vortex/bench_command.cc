#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/units.h"

#include "tools/bench/bench.h"
#include "tools/bench/chunker_bench.h"
#include "tools/bench/disk_bench.h"
#include "tools/bench/net_bench.h"
#include "tools/bench/records_bench.h"
#include "tools/cli/output.h"
#include "tools/cli/text_table.h"
#include "tools/dev/cluster.h"
#include "tools/remote/workload.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

struct Part {
  const char* name;
  Result<bench::Report> (*run)(const bench::Options&);
};

const std::vector<Part>& parts() {
  static const std::vector<Part> all = {{"chunker", bench::bench_chunker},
                                        {"disk", bench::bench_disk},
                                        {"net", bench::bench_net},
                                        {"records", bench::bench_records}};
  return all;
}

Result<bench::Options> options_of(const cli::Invocation& invocation) {
  bench::Options options;
  ASSIGN_OR_RETURN(options.seconds, invocation.number("--seconds", options.seconds, 0.001));
  ASSIGN_OR_RETURN(double rounds, invocation.number("--rounds", options.rounds, 1));
  options.rounds = static_cast<int>(rounds);
  options.only = invocation.text("--only").value_or("");
  const char* temporary = std::getenv("TMPDIR");
  options.directory = invocation.text("--dir").value_or(temporary != nullptr ? temporary : "/tmp");
  return options;
}

Result<std::optional<std::uint64_t>> size_of(const cli::Invocation& invocation, const std::string& flag) {
  auto text = invocation.text(flag);
  if (!text) return std::optional<std::uint64_t>();
  ASSIGN_OR_RETURN(std::uint64_t size, parse_size(*text));
  return std::optional(size);
}
Result<std::optional<std::uint64_t>> count_of(const cli::Invocation& invocation, const std::string& flag) {
  if (!invocation.has(flag)) return std::optional<std::uint64_t>();
  ASSIGN_OR_RETURN(double count, invocation.number(flag, 0, 1));
  return std::optional(static_cast<std::uint64_t>(count));
}

// The nodes of the local cluster that VORTEX_CONFIG or --config names, where it is one.
std::vector<int> local_nodes(const cli::Invocation& invocation) {
  std::string config = invocation.text("--config").value_or("");
  const char* variable = std::getenv("VORTEX_CONFIG");
  if (config.empty() && variable != nullptr) config = variable;
  auto cluster = dev::Cluster::open(std::filesystem::path(config).parent_path().string());
  std::vector<int> pids;
  if (!cluster.ok()) return pids;
  for (const dev::DevNode& node : cluster->nodes())
    if (node.child.alive()) pids.push_back(node.child.pid);
  return pids;
}

Result<remote::WorkloadOptions> workload_options(const cli::Invocation& invocation) {
  remote::WorkloadOptions options;
  ASSIGN_OR_RETURN(options.size, size_of(invocation, "--size"));
  ASSIGN_OR_RETURN(options.count, count_of(invocation, "--count"));
  ASSIGN_OR_RETURN(options.clients, count_of(invocation, "--clients"));
  if (invocation.has("--seconds")) {
    ASSIGN_OR_RETURN(double seconds, invocation.number("--seconds", 0, 0.001));
    options.seconds = seconds;
  }
  options.nodes = local_nodes(invocation);
  return options;
}

using Runs = std::vector<remote::WorkloadRun>;

Task<Status> run_on(remote::Remote& on, remote::WorkloadOptions options, std::vector<std::string> names, Runs* runs) {
  for (const std::string& name : names) {
    options.workload = name;
    auto run = co_await remote::run_workload(on, options);
    if (!run.ok()) co_return std::move(run).error().in(name);
    runs->push_back(std::move(*run));
  }
  co_return Status();
}

Result<Runs> run_workloads(const cli::Invocation& invocation, cli::Output& out, const std::vector<std::string>& names) {
  Runs runs;
  if (names.empty()) return runs;
  ASSIGN_OR_RETURN(remote::WorkloadOptions options, workload_options(invocation));
  auto body = [&](remote::Remote& on, const cli::Invocation&, cli::Output&) {
    return run_on(on, options, names, &runs);
  };
  RETURN_IF_ERROR(remote::run_with_cluster(invocation, out, body));
  return runs;
}

nlohmann::json json_of(const remote::WorkloadRun& run) {
  return {{"workload", run.workload},
          {"clients", run.clients},
          {"bytes", run.bytes},
          {"ops", run.ops},
          {"seconds", run.seconds},
          {"mb_s", run.mb_s()},
          {"ops_s", run.ops_s()},
          {"latency_ms", {{"p50", run.p50_ms}, {"p90", run.p90_ms}, {"p99", run.p99_ms}, {"max", run.max_ms}}},
          {"cpu_s", {{"client", run.client_cpu_s}, {"nodes", run.nodes_cpu_s}}}};
}

std::string table_of(const Runs& runs) {
  auto figure = [](double value, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return std::string(text);
  };
  TextTable table;
  table.column("WORKLOAD");
  for (const char* title :
       {"CLIENTS", "OPS", "SECONDS", "MB/s", "OPS/s", "p50 ms", "p99 ms", "max ms", "CPU client s", "CPU nodes s"})
    table.column(title, TextTable::Align::right);
  for (const remote::WorkloadRun& run : runs)
    table.row({run.workload, std::to_string(run.clients), std::to_string(run.ops), figure(run.seconds, 2),
               figure(run.mb_s(), 1), figure(run.ops_s(), 0), figure(run.p50_ms, 2), figure(run.p99_ms, 2),
               figure(run.max_ms, 2), figure(run.client_cpu_s, 2), figure(run.nodes_cpu_s, 2)});
  return table.to_text();
}

Status run_bench(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(bench::Options options, options_of(invocation));
  std::vector<Part> wanted;
  std::vector<std::string> loads;
  const std::vector<std::string> known_loads = remote::workloads();
  for (const std::string& argument : invocation.arguments) {
    auto part = std::ranges::find(parts(), argument, &Part::name);
    bool load = std::ranges::find(known_loads, argument) != known_loads.end();
    if (load) loads.push_back(argument);
    if (part != parts().end()) wanted.push_back(*part);
    if (load || part != parts().end()) continue;
    out.hint("'vortex help bench' lists the parts and workloads");
    return Error(Code::invalid_argument, "there is no benchmark '" + argument + "'");
  }
  bool all_parts = invocation.arguments.empty() && !invocation.has("--limits");
  if (all_parts) wanted = parts();

  std::optional<bench::Limits> limits;
  if (loads.empty() || invocation.has("--limits")) {
    ASSIGN_OR_RETURN(limits, bench::measure_limits(options));
  }
  ASSIGN_OR_RETURN(Runs runs, run_workloads(invocation, out, loads));
  std::vector<bench::Report> reports;
  for (const Part& part : wanted) {
    ASSIGN_OR_RETURN(bench::Report report, part.run(options));
    reports.push_back(std::move(report));
  }
  if (!runs.empty()) out.text(table_of(runs) + "\n");
  out.text(bench::to_table(reports, limits));
  nlohmann::json figures = nlohmann::json::parse(bench::to_json(reports, limits));
  for (const remote::WorkloadRun& run : runs) figures["runs"].push_back(json_of(run));
  out.put_all(figures.dump());
  if (!invocation.has("--check")) return {};
  for (const bench::Report& report : reports)
    if (!report.all_met()) return Error(Code::failed, "a figure misses its goal");
  return {};
}

}  // namespace

cli::Command bench_command() {
  cli::Command command;
  command.name = "bench";
  command.group = "trying";
  command.arguments = "[WORKLOAD|PART…]";
  command.arguments_max = cli::Command::kAny;
  command.summary = "what a cluster moves in how much time; figures of our parts beside the machine's own";
  std::string names, loads;
  for (const Part& part : parts()) names += " " + std::string(part.name);
  for (const std::string& load : remote::workloads()) loads += " " + load;
  command.details = "Workloads on the cluster:" + loads + ".\nParts, without a cluster:" + names +
                    ". With neither, all parts. A part is measured in turns with the bare machine.";
  command.flags = {{"--size", "SIZE", "of each file; 1GiB for the large workloads, 4KiB for others", 0},
                   {"--count", "N", "operations of a workload", 0},
                   {"--clients", "N", "operations on their way at once", 0},
                   {"--seconds", "S", "how long one measurement takes at most", 0},
                   {"--rounds", "N", "measurements of a part of which the median counts", 0},
                   {"--only", "TEXT", "only measurements of a part whose name contains it", 0},
                   {"--dir", "DIR", "where files may be written; they are removed again", 0},
                   {"--limits", "", "what the machine itself can do; beside workloads, in the same run", 0},
                   {"--check", "", "exit status 1 when a figure misses its goal", 0}};
  command.run = run_bench;
  return command;
}

}  // namespace vortex
