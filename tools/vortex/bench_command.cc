#include <cstdlib>
#include <string>

#include "tools/bench/bench.h"
#include "tools/bench/chunker_bench.h"
#include "tools/bench/disk_bench.h"
#include "tools/bench/net_bench.h"
#include "tools/cli/output.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

struct Part {
  const char* name;
  Result<bench::Report> (*run)(const bench::Options&);
};

const std::vector<Part>& parts() {
  static const std::vector<Part> all = {
      {"chunker", bench::bench_chunker}, {"disk", bench::bench_disk}, {"net", bench::bench_net}};
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

Status run_bench(const cli::Invocation& invocation, cli::Output& out) {
  ASSIGN_OR_RETURN(bench::Options options, options_of(invocation));
  std::vector<Part> wanted;
  std::string names;
  for (const Part& part : parts()) {
    names += (names.empty() ? "" : ", ") + std::string(part.name);
    bool named = invocation.arguments.empty() && !invocation.has("--limits");
    for (const std::string& argument : invocation.arguments) named = named || argument == part.name;
    if (named) wanted.push_back(part);
  }
  for (const std::string& argument : invocation.arguments) {
    bool known = false;
    for (const Part& part : parts()) known = known || argument == part.name;
    if (known) continue;
    out.hint("the parts are " + names);
    return Error(Code::invalid_argument, "there is no benchmark '" + argument + "'");
  }

  ASSIGN_OR_RETURN(bench::Limits limits, bench::measure_limits(options));
  std::vector<bench::Report> reports;
  for (const Part& part : wanted) {
    ASSIGN_OR_RETURN(bench::Report report, part.run(options));
    reports.push_back(std::move(report));
  }
  out.text(bench::to_table(reports, limits));
  out.put_all(bench::to_json(reports, limits));
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
  command.arguments = "[PART…]";
  command.arguments_max = cli::Command::kAny;
  command.summary = "figures of our parts, beside what the machine itself can do";
  std::string names;
  for (const Part& part : parts()) names += " " + std::string(part.name);
  command.details = "Parts:" + names + ". Without one, all of them. Ours and the machine's own are measured in turns.";
  command.flags = {{"--seconds", "S", "how long one measurement takes", 0},
                   {"--rounds", "N", "measurements of which the median counts", 0},
                   {"--only", "TEXT", "only workloads whose name contains it", 0},
                   {"--dir", "DIR", "where files may be written; they are removed again", 0},
                   {"--limits", "", "only what the machine itself can do", 0},
                   {"--check", "", "exit status 1 when a figure misses its goal", 0}};
  command.run = run_bench;
  return command;
}

}  // namespace vortex
