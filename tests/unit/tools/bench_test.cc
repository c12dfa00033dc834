#include "tools/bench/bench.h"

#include <nlohmann/json.hpp>

#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::bench;

TEST_CASE("percentiles are by nearest rank") {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  EXPECT_EQ(percentile(values, 0), 1);
  EXPECT_EQ(percentile(values, 0.5), 50);
  EXPECT_EQ(percentile(values, 0.99), 99);
  EXPECT_EQ(percentile(values, 1), 100);
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({}), 0);
  Latency latency = latency_of(values);
  EXPECT_EQ(latency.p90_us, 90);
  EXPECT_EQ(latency.max_us, 100);
}

TEST_CASE("ours and raw are taken in turns and compared round by round") {
  Options options;
  options.rounds = 3;
  std::string order;
  double noise = 0;
  auto raw = [&]() -> Result<double> {
    order += "r";
    return 100 * ++noise;
  };
  auto ours = [&]() -> Result<double> {
    order += "o";
    return 80 * noise;
  };
  auto row = compare(options, "copy", "MB/s", ours, raw, Goal::ratio_at_least(0.5));
  REQUIRE(row.ok());
  EXPECT_EQ(order, "roorro");
  EXPECT_EQ(row->raw, 200);
  EXPECT_EQ(row->met(), true);
}

TEST_CASE("a failure names the workload") {
  auto row = measure(Options(), "copy", "MB/s", [] { return Result<double>(Error(Code::io_error, "disk on fire")); });
  REQUIRE(!row.ok());
  EXPECT_EQ(row.error().message(), "copy: disk on fire");
}

TEST_CASE("goals are met or missed, and missed ones show in table and JSON") {
  Row fast;
  fast.workload = "fast";
  fast.unit = "calls/s";
  fast.ours = 1234567;
  fast.goal = Goal::at_least(1e6);
  Row slow = fast;
  slow.workload = "slow";
  slow.goal = Goal::at_most(10);
  slow.latency = latency_of({1, 2, 3});
  Report report;
  report.part = "net";
  report.rows = {fast, slow};
  EXPECT(!report.all_met());

  std::string table = to_table({report}, std::nullopt);
  EXPECT(table.find("1,234,567") != std::string::npos);
  EXPECT(table.find("MISSED") != std::string::npos);
  auto json = nlohmann::json::parse(to_json({report}, Limits()));
  EXPECT_EQ(json["runs"][0]["met"], true);
  EXPECT_EQ(json["runs"][1]["met"], false);
  EXPECT_EQ(json["runs"][1]["latency_us"]["p99"], 3);
  EXPECT(json["limits"].contains("fdatasync_s"));
}

TEST_CASE("the machine's limits can be measured and leave nothing behind") {
  Options options;
  options.seconds = 0.01;
  options.rounds = 1;
  options.directory = "/tmp";
  auto limits = measure_limits(options);
  REQUIRE(limits.ok());
  EXPECT_GT(limits->loopback_mb_s, 0);
  EXPECT_GT(limits->disk_write_mb_s, 0);
  EXPECT_GT(limits->fdatasync_s, 0);
  EXPECT_GT(limits->memcpy_mb_s, 0);
  EXPECT_GT(limits->sha256_mb_s, 0);

  options.directory = "/nowhere";
  EXPECT(!measure_limits(options).ok());
}
