#include "tools/bench/disk_bench_wal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/real/runner.h"
#include "wal/log.h"

namespace vortex::bench {

namespace {

constexpr std::size_t kRecordBytes = 1024;
constexpr std::size_t kWriters = 1024;
constexpr std::size_t kOwners = 64;
constexpr std::size_t kRawFileBytes = 64 * kMiB;
constexpr const char* kMemoryDisk = "/dev/shm";

RealOptions quiet() {
  RealOptions options;
  options.log_level = LogLevel::error;
  return options;
}

// What one run has done.
struct Done {
  std::uint64_t records = 0;
  std::uint64_t groups = 0;
  double seconds = 0;
  std::vector<double> latencies_us;
  double records_per_group() const { return double(records) / double(std::max<std::uint64_t>(groups, 1)); }
};

// A waiting writer without a coroutine: when its record is durable it appends the next one.
class Writer final : public wal::Completion {
 public:
  Writer(wal::Log& log, wal::OwnerId owner, ByteView payload, std::uint64_t& count, const bool& stopping)
      : log_(log), count_(count), stopping_(stopping) {
    record_.owner = owner;
    record_.payload = payload;
  }
  Status begin() { return log_.submit(std::span<const wal::Record>(&record_, 1), *this); }
  void finished(const Status& status) override {
    status_ = status;
    if (!status.ok()) return;
    ++count_;
    if (!stopping_) status_ = begin();
  }
  const Status& status() const { return status_; }

 private:
  wal::Log& log_;
  wal::Record record_;
  std::uint64_t& count_;
  const bool& stopping_;
  Status status_;
};

Task<void> append_again_and_again(wal::Log& log, wal::OwnerId owner, ByteView payload, Done& done, const bool& stopping,
                                  Status& status) {
  wal::Record record;
  record.owner = owner;
  record.payload = payload;
  std::span<const wal::Record> batch(&record, 1);
  while (!stopping && status.ok()) {
    Stopwatch watch;
    auto appended = co_await log.append(batch);
    if (appended.ok()) {
      ++done.records;
      if (done.latencies_us.capacity() > done.latencies_us.size()) done.latencies_us.push_back(watch.seconds() * 1e6);
    } else {
      status = Status(std::move(appended).error());
    }
  }
}

// Owners checkpoint and let go of what they wrote, as they do in life; so segments are used again.
Task<void> truncate_now_and_then(Env& env, wal::Log& log, const bool& stopping, Status& status) {
  while (!stopping && status.ok()) {
    auto slept = co_await sleep_for(env, milliseconds(20));
    if (!slept.ok()) co_return;
    wal::Lsn before = log.end();
    for (const wal::Holder& holder : log.holders(kOwners)) {
      if (holder.segments_held < 3) break;
      status = co_await log.truncate(holder.owner, before);
      if (!status.ok()) co_return;
    }
  }
}

enum class Style { completions, coroutines, single };

struct Setup {
  std::string directory;
  double seconds = 1;
  Style style = Style::completions;
};

Task<Status> write_records(Env& env, wal::Log& log, Setup setup, Done& done) {
  ByteVector payload(kRecordBytes, 0x5A);
  bool stopping = false;
  Status status;
  std::vector<std::unique_ptr<Writer>> writers;
  std::uint64_t groups = env.metrics().total("vortex_wal_groups_total");
  TaskGroup tasks(env.loop());
  tasks.spawn(truncate_now_and_then(env, log, stopping, status));
  Stopwatch watch;
  if (setup.style == Style::completions) {
    for (std::size_t i = 0; i < kWriters && status.ok(); ++i) {
      writers.push_back(std::make_unique<Writer>(log, 1 + i % kOwners, payload, done.records, stopping));
      status = writers.back()->begin();
    }
  } else {
    if (setup.style == Style::single) done.latencies_us.reserve(1'000'000);
    std::size_t count = setup.style == Style::single ? 1 : kWriters;
    for (std::size_t i = 0; i < count; ++i)
      tasks.spawn(append_again_and_again(log, 1 + i % kOwners, payload, done, stopping, status));
  }
  auto slept =
      co_await sleep_for(env, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(setup.seconds)));
  done.seconds = watch.seconds();
  std::uint64_t counted = done.records;
  done.groups = env.metrics().total("vortex_wal_groups_total") - groups;
  stopping = true;
  co_await tasks.join();
  for (const auto& writer : writers)
    if (!writer->status().ok() && status.ok()) status = writer->status();
  auto closed = co_await log.close();
  done.records = counted;
  if (!slept.ok()) co_return slept;
  if (!status.ok()) co_return status;
  co_return closed;
}

Task<int> run_log(Env& env, Setup setup, Result<Done>& result) {
  wal::Options log_options;
  log_options.spares_min = 2;
  log_options.spares_max = 8;
  auto opened = co_await wal::Log::open(env, setup.directory, log_options);
  if (!opened.ok()) {
    result = std::move(opened).error();
    co_return 1;
  }
  Done done;
  auto written = co_await write_records(env, **opened, setup, done);
  if (written.ok()) {
    result = std::move(done);
  } else {
    result = std::move(written).error();
  }
  co_return 0;
}

Result<Done> measure_log(const Setup& setup) {
  Runner runner(quiet());
  Result<Done> result = Error(Code::internal, "nothing was measured");
  runner.run_without_signals(run_log(runner.env(), setup, result));
  return result;
}

// The same bytes by hand: a pre-written file, one pwrite and one fdatasync a batch.
Result<Done> measure_raw(const std::string& path, std::size_t records, double seconds, bool latencies) {
  std::size_t batch = std::max<std::size_t>(records, 1) * kRecordBytes;
  int file = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return Error(Code::io_error, path + ": " + std::strerror(errno));
  std::vector<std::uint8_t> bytes(std::max(batch, std::size_t(kMiB)), 0x5A);
  bool failed = false;
  for (std::size_t at = 0; at < kRawFileBytes; at += kMiB)
    failed = failed || ::pwrite(file, bytes.data(), kMiB, static_cast<off_t>(at)) != static_cast<ssize_t>(kMiB);
  failed = failed || ::fsync(file) != 0;
  Done done;
  Stopwatch watch;
  std::size_t at = 0;
  while (!failed && watch.seconds() < seconds) {
    Stopwatch one;
    failed = ::pwrite(file, bytes.data(), batch, static_cast<off_t>(at)) != static_cast<ssize_t>(batch) ||
             ::fdatasync(file) != 0;
    if (latencies) done.latencies_us.push_back(one.seconds() * 1e6);
    ++done.groups;
    done.records += records;
    at = at + 2 * batch > kRawFileBytes ? 0 : at + batch;
  }
  done.seconds = watch.seconds();
  ::close(file);
  ::unlink(path.c_str());
  if (failed) return Error(Code::io_error, path + ": " + std::strerror(errno));
  return done;
}

struct Place {
  std::string name;       // in the workload's name
  std::string directory;  // an empty one of our own
};

void clear(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

// Many writers: records a second, ours and raw with batches of the size that ours turned out to have.
Result<Row> many_writers(const Options& options, const Place& place, Style style, Goal goal) {
  std::string workload =
      "wal 1 KiB, 1024 waiting, " + place.name + (style == Style::completions ? "" : ", a coroutine each");
  double records_per_group = 1;
  auto ours = [&]() -> Result<double> {
    clear(place.directory);
    ASSIGN_OR_RETURN(Done done, measure_log(Setup{place.directory, options.seconds, style}));
    records_per_group = done.records_per_group();
    clear(place.directory);
    return double(done.records) / done.seconds;
  };
  auto raw = [&]() -> Result<double> {
    std::string path = place.directory + ".raw";
    auto records = static_cast<std::size_t>(records_per_group + 0.5);
    ASSIGN_OR_RETURN(Done done, measure_raw(path, records, options.seconds / 2, false));
    return double(done.records) / done.seconds;
  };
  return compare(options, workload, "records/s", ours, raw, goal);
}

// One writer: what it waits, and what the raw call takes.
Result<Row> single_writer(const Options& options, const Place& place) {
  std::vector<double> all, raw_all;
  auto ours = [&]() -> Result<double> {
    clear(place.directory);
    ASSIGN_OR_RETURN(Done done, measure_log(Setup{place.directory, options.seconds, Style::single}));
    clear(place.directory);
    all.insert(all.end(), done.latencies_us.begin(), done.latencies_us.end());
    return percentile(done.latencies_us, 0.5);
  };
  auto raw = [&]() -> Result<double> {
    ASSIGN_OR_RETURN(Done done, measure_raw(place.directory + ".raw", 4, options.seconds / 2, true));
    raw_all.insert(raw_all.end(), done.latencies_us.begin(), done.latencies_us.end());
    return percentile(done.latencies_us, 0.5);
  };
  ASSIGN_OR_RETURN(Row row, compare(options, "wal 1 KiB, one writer, " + place.name, "us", ours, raw));
  // What the log adds to the bare write and sync of a block.
  row.goal = Goal::at_most(row.raw.value_or(0) + 60);
  row.latency = latency_of(std::move(all));
  row.raw_latency = latency_of(std::move(raw_all));
  return row;
}

Status add(Result<Row> row, Report& report) {
  RETURN_IF_ERROR(row);
  report.rows.push_back(std::move(row).value());
  return Status();
}
}  // namespace

Status add_wal_rows(const Options& options, Report& report) {
  std::vector<Place> places;
  places.push_back(Place{"disk", options.directory + "/wal-bench"});
  if (::access(kMemoryDisk, W_OK) == 0)
    places.push_back(Place{"memory", std::string(kMemoryDisk) + "/vortex-wal-bench-" + std::to_string(::getpid())});
  for (const Place& place : places) {
    Goal goal = place.name == "disk" ? Goal::ratio_at_least(0.9) : Goal::at_least(500'000);
    if (options.wanted("wal 1 KiB, 1024 waiting, " + place.name)) {
      RETURN_IF_ERROR(add(many_writers(options, place, Style::completions, goal), report));
      RETURN_IF_ERROR(add(many_writers(options, place, Style::coroutines, Goal()), report));
    }
  }
  if (options.wanted("wal 1 KiB, one writer, disk")) RETURN_IF_ERROR(add(single_writer(options, places[0]), report));
  return Status();
}

}  // namespace vortex::bench
