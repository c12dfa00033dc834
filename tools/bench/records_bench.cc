#include "tools/bench/records_bench.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/endian.h"
#include "tools/bench/records_cluster.h"

namespace vortex::bench {

namespace {

constexpr Duration kTimeout = seconds(20);
constexpr std::size_t kInFlight = 256;
constexpr std::size_t kValue = 256;
constexpr std::size_t kSmallValue = 100;
constexpr std::size_t kPlaces = 64;  // spread over the partitions
constexpr std::size_t kRecords = 1'000'000;
constexpr std::size_t kBatch = 64;
constexpr std::size_t kScansInFlight = 4;
constexpr std::uint32_t kIdleGroups = 256;
constexpr std::size_t kIdleNodes = 5;

Id place_of(std::size_t number) {
  Id place;
  store_le(place.bytes.data(), static_cast<std::uint64_t>(number % kPlaces));
  return place;
}

dht::Key key_of(std::size_t number) {
  dht::Key key;
  key.place = place_of(number);
  key.name.resize(8);
  store_le(key.name.data(), static_cast<std::uint64_t>(number));
  return key;
}

// One caller of many: a put that requires the version of its last one, again and again.
Task<void> putter(dht::RecordsClient& client, std::size_t number, const Stopwatch& watch, double until,
                  std::vector<double>& microseconds, Status& failed) {
  dht::Version version = 0;
  while (watch.seconds() < until && failed.ok()) {
    dht::Batch batch;
    dht::Condition& condition = batch.conditions.emplace_back();
    condition.key = key_of(number);
    condition.version = version;
    dht::Write& write = batch.writes.emplace_back();
    write.key = key_of(number);
    write.value = ByteVector(kValue, 'v');
    Stopwatch one;
    auto put = co_await client.commit(std::move(batch), kTimeout);
    microseconds.push_back(one.seconds() * 1e6);
    if (!put.ok()) failed = put.error();
    if (put.ok() && !put->done) version = put->found ? put->found->version : 0;
    if (put.ok() && put->done) version = put->versions.front();
  }
}

Task<void> reader(dht::RecordsClient& client, std::size_t number, const Stopwatch& watch, double until,
                  std::uint64_t& count, Status& failed) {
  while (watch.seconds() < until && failed.ok()) {
    auto got = co_await client.get(key_of(number), kTimeout);
    if (!got.ok()) failed = got.error();
    ++count;
  }
}

Task<void> scanner(dht::RecordsClient& client, std::size_t place, const Stopwatch& watch, double until,
                   std::uint64_t& count, Status& failed) {
  ByteVector from;
  dht::ScanLimits limits;
  limits.records = 4000;
  limits.bytes = kMiB;
  while (watch.seconds() < until && failed.ok()) {
    auto page = co_await client.scan(place_of(place), from, ByteVector(), limits, kTimeout);
    if (!page.ok()) failed = page.error();
    if (!page.ok()) break;
    count += page->records.size();
    from = std::move(page->next);
  }
}

Task<void> loader(dht::RecordsClient& client, std::size_t& next, Status& failed) {
  while (next < kRecords && failed.ok()) {
    dht::Batch batch;
    // All of one place, so that a batch is no transaction.
    std::size_t place = next / kBatch;
    for (std::size_t i = 0; i < kBatch; ++i, ++next) {
      dht::Write& write = batch.writes.emplace_back();
      write.key = key_of(next);
      write.key.place = place_of(place);
      write.value = ByteVector(kSmallValue, 'v');
    }
    auto put = co_await client.commit(std::move(batch), kTimeout);
    if (!put.ok()) failed = put.error();
  }
}

Task<Result<double>> put_all(Env& env, dht::RecordsClient& client, double seconds_long,
                             std::vector<double>& microseconds) {
  Status failed;
  Stopwatch watch;
  TaskGroup group(env.loop());
  for (std::size_t i = 0; i < kInFlight; ++i) group.spawn(putter(client, i, watch, seconds_long, microseconds, failed));
  co_await group.join();
  if (!failed.ok()) co_return failed.error();
  co_return static_cast<double>(microseconds.size()) / watch.seconds();
}

using Caller = Task<void> (*)(dht::RecordsClient&, std::size_t, const Stopwatch&, double, std::uint64_t&, Status&);

Task<Result<double>> repeat(Env& env, dht::RecordsClient& client, Caller caller, std::size_t in_flight,
                            double seconds_long) {
  Status failed;
  std::uint64_t count = 0;
  Stopwatch watch;
  TaskGroup group(env.loop());
  for (std::size_t i = 0; i < in_flight; ++i) group.spawn(caller(client, i, watch, seconds_long, count, failed));
  co_await group.join();
  if (!failed.ok()) co_return failed.error();
  co_return static_cast<double>(count) / watch.seconds();
}

Task<Result<double>> load_all(Env& env, dht::RecordsClient& client) {
  Status failed;
  std::size_t next = 0;
  Stopwatch watch;
  TaskGroup group(env.loop());
  for (std::size_t i = 0; i < kInFlight / 4; ++i) group.spawn(loader(client, next, failed));
  co_await group.join();
  if (!failed.ok()) co_return failed.error();
  co_return static_cast<double>(kRecords) / watch.seconds();
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

// Removed again, with all that is in it.
struct Scratch {
  explicit Scratch(const Options& options)
      : path(options.directory + "/vortex-records-" + std::to_string(::getpid())) {}
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  const std::string path;
};

Row row_of(std::string workload, std::string unit, double ours, Goal goal) {
  Row row;
  row.workload = std::move(workload);
  row.unit = std::move(unit);
  row.ours = ours;
  row.goal = goal;
  return row;
}

Status add_operations(const Options& options, Report& report) {
  Scratch scratch(options);
  RecordsClusterOptions about;
  about.directory = scratch.path;
  ASSIGN_OR_RETURN(auto cluster, RecordsCluster::start(about));
  std::vector<double> rates, microseconds;
  for (int round = 0; round < options.rounds; ++round) {
    microseconds.clear();
    auto work = [&](Env& env, dht::RecordsClient& client) {
      return put_all(env, client, options.seconds, microseconds);
    };
    ASSIGN_OR_RETURN(double rate, RecordsUser(cluster->places()).run(work));
    rates.push_back(rate);
  }
  Row row = row_of("put-256B-256-in-flight", "puts/s", median(rates), Goal::at_least(60e3));
  row.latency = latency_of(std::move(microseconds));
  report.rows.push_back(std::move(row));
  rates.clear();
  for (int round = 0; round < options.rounds; ++round) {
    auto work = [&](Env& env, dht::RecordsClient& client) {
      return repeat(env, client, reader, kInFlight, options.seconds);
    };
    ASSIGN_OR_RETURN(double rate, RecordsUser(cluster->places()).run(work));
    rates.push_back(rate);
  }
  report.rows.push_back(row_of("get-by-lease-256-in-flight", "reads/s", median(rates), Goal::at_least(250e3)));
  return Status();
}

Status add_bulk(const Options& options, Report& report) {
  Scratch scratch(options);
  RecordsClusterOptions about;
  about.directory = scratch.path;
  about.nodes = 1;
  ASSIGN_OR_RETURN(auto cluster, RecordsCluster::start(about));
  const double before = resident_bytes();
  ASSIGN_OR_RETURN(double rate, RecordsUser(cluster->places()).run(load_all));
  report.rows.push_back(row_of("load-100B-one-node", "records/s", rate, Goal()));
  std::vector<double> rates;
  for (int round = 0; round < options.rounds; ++round) {
    auto work = [&](Env& env, dht::RecordsClient& client) {
      return repeat(env, client, scanner, kScansInFlight, options.seconds);
    };
    ASSIGN_OR_RETURN(double scanned, RecordsUser(cluster->places()).run(work));
    rates.push_back(scanned);
  }
  report.rows.push_back(row_of("scan-100B", "records/s", median(rates), Goal::at_least(1e6)));
  const double bytes = (resident_bytes() - before) / static_cast<double>(kRecords);
  report.rows.push_back(row_of("memory-100B", "B/record", bytes, Goal::at_most(250)));
  cluster.reset();
  about.boot_epoch = 2;
  double opening = 0;
  ASSIGN_OR_RETURN(cluster, RecordsCluster::start(about, &opening));
  report.rows.push_back(row_of("restart-1M-records", "s", opening, Goal::at_most(3)));
  return Status();
}

Status add_idle(const Options& options, Report& report) {
  Scratch scratch(options);
  RecordsClusterOptions about;
  about.directory = scratch.path;
  about.nodes = kIdleNodes;
  about.partitions = kIdleGroups;
  ASSIGN_OR_RETURN(auto cluster, RecordsCluster::start(about));
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const double before = processor_seconds();
  Stopwatch watch;
  std::this_thread::sleep_for(std::chrono::duration<double>(5 * options.seconds));
  const double share = 100 * (processor_seconds() - before) / watch.seconds() / static_cast<double>(kIdleNodes);
  report.rows.push_back(row_of("idle-256-groups-5-nodes", "% of a core", share, Goal::at_most(1)));
  return Status();
}

}  // namespace

Result<Report> bench_records(const Options& options) {
  Report report;
  report.part = "records";
  if (options.wanted("put-get")) RETURN_IF_ERROR(add_operations(options, report));
  if (options.wanted("bulk")) RETURN_IF_ERROR(add_bulk(options, report));
  if (options.wanted("idle")) RETURN_IF_ERROR(add_idle(options, report));
  return report;
}

}  // namespace vortex::bench
