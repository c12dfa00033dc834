// What the parts of `vortex bench` share: how a figure is taken and how it is shown beside the machine's own.
// A part is one function, `Result<Report> bench_net(const Options&)` in net_bench.h, and is listed in bench_command.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace vortex::bench {

struct Options {
  double seconds = 1.0;   // about how long one measurement takes
  int rounds = 5;         // measurements of which the median counts; odd
  std::string directory;  // where files may be written, and are removed again; never empty
  std::string only;       // measure only workloads whose name contains this; empty: all
  bool wanted(const std::string& workload) const { return workload.find(only) != std::string::npos; }
};

double median(std::vector<double> values);
// By nearest rank, `share` from 0 to 1. Zero for no values.
double percentile(std::vector<double> values, double share);

struct Latency {
  double p50_us = 0, p90_us = 0, p99_us = 0, max_us = 0;
};
Latency latency_of(std::vector<double> microseconds);

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What a figure must reach.
struct Goal {
  enum class Kind { none, ratio_at_least, at_least, at_most };
  Kind kind = Kind::none;
  double value = 0;

  static Goal ratio_at_least(double ratio) { return {Kind::ratio_at_least, ratio}; }
  static Goal at_least(double ours) { return {Kind::at_least, ours}; }
  static Goal at_most(double ours) { return {Kind::at_most, ours}; }
};

// One line of the table: our figure and, when there is one, the bare machine's, taken in the same run.
struct Row {
  std::string workload;  // "stream 1 MiB plain"
  std::string unit;      // "MB/s", "calls/s", "us"
  double ours = 0;
  std::optional<double> raw;
  std::optional<double> ratio;  // ours / raw
  std::optional<Latency> latency;
  std::optional<Latency> raw_latency;
  Goal goal;

  // Nothing without a goal.
  std::optional<bool> met() const;
};

// Takes ours and raw in turns, `options.rounds` times, so that a noisy machine hits both alike. `ours` and `raw` are
// the medians, `ratio` the median of the rounds' ratios. The first failure ends it.
using Measurement = std::function<Result<double>()>;
Result<Row> compare(const Options& options, std::string workload, std::string unit, const Measurement& ours,
                    const Measurement& raw, Goal goal = {});
// The same without a counterpart.
Result<Row> measure(const Options& options, std::string workload, std::string unit, const Measurement& ours,
                    Goal goal = {});

struct Report {
  std::string part;  // "net"
  std::vector<Row> rows;
  bool all_met() const;
};

// What this machine can do, measured now.
struct Limits {
  double loopback_mb_s = 0;    // one blocking stream, 1 MiB writes
  double disk_write_mb_s = 0;  // sequential, in options.directory, one fdatasync at the end
  double fdatasync_s = 0;      // 4 KiB overwrites with fdatasync, a second
  double memcpy_mb_s = 0;
  double sha256_mb_s = 0;
};
Result<Limits> measure_limits(const Options& options);

std::string to_table(const std::vector<Report>& reports, const std::optional<Limits>& limits);
// {"runs":[{"part","workload","unit","ours","raw","ratio","goal","met","latency_us":{…}}],"limits":{…}}
std::string to_json(const std::vector<Report>& reports, const std::optional<Limits>& limits);

}  // namespace vortex::bench
