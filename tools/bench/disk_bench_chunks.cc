#include "tools/bench/disk_bench_chunks.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/bytes.h"
#include "base/limits.h"
#include "tools/bench/chunk_load.h"

namespace vortex::bench {

namespace {

constexpr std::size_t kLarge = 4 * kMiB;
constexpr std::size_t kSmall = 4 * kKiB;
constexpr const char* kMemoryDisk = "/dev/shm";
constexpr std::uint64_t kManyChunks = 2'000'000;

Error system_failure(const std::string& what) { return Error(Code::io_error, what + ": " + std::strerror(errno)); }

void clear(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

// Reads that follow go to the disk.
void forget_cached(const std::string& directory) {
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, error)) {
    if (!entry.is_regular_file()) continue;
    int file = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    ::fdatasync(file);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  }
}

// --- the bare machine ---

Result<double> raw_write(const std::string& path, std::uint64_t bytes) {
  ByteVector block(kLarge, 0x5A);
  int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return system_failure(path);
  Stopwatch watch;
  bool good = true;
  for (std::uint64_t at = 0; good && at < bytes; at += kLarge)
    good = ::pwrite(file, block.data(), kLarge, static_cast<off_t>(at)) == static_cast<ssize_t>(kLarge);
  good = good && ::fdatasync(file) == 0;
  double seconds = watch.seconds();
  ::close(file);
  if (!good) return system_failure(path);
  return double(bytes) / 1e6 / seconds;
}

Result<double> raw_read(const std::string& path, std::uint64_t bytes) {
  ByteVector block(kLarge);
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_failure(path);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  Stopwatch watch;
  bool good = true;
  for (std::uint64_t at = 0; good && at < bytes; at += kLarge)
    good = ::pread(file, block.data(), kLarge, static_cast<off_t>(at)) == static_cast<ssize_t>(kLarge);
  double seconds = watch.seconds();
  ::close(file);
  if (!good) return system_failure(path);
  return double(bytes) / 1e6 / seconds;
}

double thread_cpu_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

// Batches of 256 to the end of a file.
Result<double> raw_small_writes(const std::string& path, std::uint64_t count) {
  constexpr std::size_t kBatch = 256;
  ByteVector block(kSmall, 0x5A);
  std::vector<iovec> pieces(kBatch);
  for (iovec& piece : pieces) piece = iovec{block.data(), block.size()};
  int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return system_failure(path);
  bool good = true;
  const double begin = thread_cpu_seconds();
  for (std::uint64_t at = 0; good && at < count; at += kBatch)
    good = ::pwritev(file, pieces.data(), kBatch, static_cast<off_t>(at * kSmall)) == ssize_t(kBatch * kSmall);
  const double seconds = thread_cpu_seconds() - begin;
  ::close(file);
  if (!good) return system_failure(path);
  return double(count) / seconds;
}

// At random, from the file that was written before.
Result<double> raw_small_reads(const std::string& path, std::uint64_t count) {
  ByteVector block(kSmall);
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return system_failure(path);
  bool good = true;
  std::uint64_t dice = 1;
  const double begin = thread_cpu_seconds();
  for (std::uint64_t i = 0; good && i < 4 * count; ++i) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    const auto offset = static_cast<off_t>((dice >> 33) % count * kSmall);
    good = ::pread(file, block.data(), kSmall, offset) == ssize_t(kSmall);
  }
  const double seconds = thread_cpu_seconds() - begin;
  ::close(file);
  if (!good) return system_failure(path);
  return double(4 * count) / seconds;
}

// --- rows ---

struct Bench {
  const Options& options;
  Report& report;

  Status add(Result<Row> row) {
    RETURN_IF_ERROR(row);
    report.rows.push_back(std::move(row).value());
    return Status();
  }
  Status large_chunks();
  Status small_chunks();
  Status restart();
  Status reclaiming();
};

ChunkLoad large_load(const std::string& directory, std::uint64_t bytes) {
  ChunkLoad load;
  load.directory = directory;
  load.count = bytes / kLarge;
  load.size = kLarge;
  load.clients = 4;
  return load;
}

Status Bench::large_chunks() {
  const std::string directory = options.directory + "/chunk-bench", file = directory + ".raw";
  const std::uint64_t bytes = options.seconds < 0.5 ? 256 * kMiB : 1024 * kMiB;
  ChunkLoad load = large_load(directory, bytes);
  auto write = [&]() -> Result<double> {
    clear(directory);
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::put, load));
    return double(bytes) / 1e6 / result.seconds;
  };
  auto raw_w = [&] { return raw_write(file, bytes); };
  auto read = [&]() -> Result<double> {
    forget_cached(directory);
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::get_in_order, load));
    return double(bytes) / 1e6 / result.seconds;
  };
  auto raw_r = [&] { return raw_read(file, bytes); };
  RETURN_IF_ERROR(
      add(compare(options, "chunks 4 MiB, put and one sync", "MB/s", write, raw_w, Goal::ratio_at_least(0.9))));
  RETURN_IF_ERROR(add(compare(options, "chunks 4 MiB, get", "MB/s", read, raw_r, Goal::ratio_at_least(0.9))));
  clear(directory);
  std::filesystem::remove(file);
  return Status();
}

// What one core does, by the processor time of all threads: other programs on the machine do not count.
Status Bench::small_chunks() {
  const std::string directory = std::string(kMemoryDisk) + "/vortex-chunk-bench-" + std::to_string(::getpid());
  ChunkLoad load;
  load.directory = directory;
  load.count = static_cast<std::uint64_t>(std::max(0.1, options.seconds) * 100'000);
  load.size = kSmall;
  load.clients = 256;
  auto put = [&]() -> Result<double> {
    clear(directory);
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::put, load));
    return double(load.count) / result.cpu_seconds;
  };
  auto get = [&]() -> Result<double> {
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::get_at_random, load));
    return double(result.operations) / result.cpu_seconds;
  };
  auto raw_put = [&] { return raw_small_writes(directory + ".raw", load.count); };
  auto raw_get = [&] { return raw_small_reads(directory + ".raw", load.count); };
  RETURN_IF_ERROR(
      add(compare(options, "chunks 4 KiB, put, memory", "puts/core s", put, raw_put, Goal::at_least(150'000))));
  load.clients = 16;
  RETURN_IF_ERROR(
      add(compare(options, "chunks 4 KiB, warm get, memory", "gets/core s", get, raw_get, Goal::at_least(400'000))));
  clear(directory);
  std::filesystem::remove(directory + ".raw");
  return Status();
}

Status Bench::restart() {
  const std::string directory = options.directory + "/chunk-restart", killed = directory + "-killed";
  clear(directory);
  ChunkLoad load;
  load.directory = directory;
  load.count = kManyChunks;
  load.size = 100;
  load.clients = 512;
  load.copy_before_stop = killed;
  ASSIGN_OR_RETURN(LoadResult filled, run_load(LoadKind::put, load));
  Row memory;
  memory.workload = "chunks, index at 2 million";
  memory.unit = "bytes/chunk";
  memory.ours = double(filled.index_bytes) / double(kManyChunks);
  memory.goal = Goal::at_most(48);
  report.rows.push_back(memory);
  auto open = [&](const std::string& which) -> Result<double> {
    forget_cached(which);
    ChunkLoad opening = load;
    opening.directory = which;
    opening.copy_before_stop.clear();
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::nothing, opening));
    if (result.chunks != kManyChunks) return Error(Code::failed, "not all chunks came back");
    return result.open_seconds;
  };
  auto orderly = [&] { return open(directory); };
  RETURN_IF_ERROR(add(measure(options, "chunks, restart with 2 million", "s", orderly, Goal::at_most(2))));
  // An opening takes in what the kill left, so each has a copy of it.
  auto after_kill = [&]() -> Result<double> {
    clear(directory);
    std::filesystem::copy(killed, directory, std::filesystem::copy_options::recursive);
    return open(directory);
  };
  RETURN_IF_ERROR(
      add(measure(options, "chunks, restart with 2 million after a kill", "s", after_kill, Goal::at_most(2))));
  clear(directory);
  clear(killed);
  return Status();
}

// Clients that read and write at leisure, while segments that are half dead are reclaimed at full rate, and while not.
Status Bench::reclaiming() {
  const std::string directory = options.directory + "/chunk-reclaim";
  std::vector<double> all, quiet_all;
  ChunkLoad load;
  load.directory = directory;
  load.count = static_cast<std::uint64_t>(std::max(0.2, options.seconds) * 60'000);
  load.size = kSmall;
  load.clients = 8;
  auto under = [&](bool reclaiming, std::vector<double>& latencies) -> Result<double> {
    clear(directory);
    load.reclaim = reclaiming;
    ASSIGN_OR_RETURN(LoadResult result, run_load(LoadKind::mixed_over_half_dead, load));
    if (reclaiming && result.reclaimed == 0) return Error(Code::failed, "nothing was reclaimed");
    latencies.insert(latencies.end(), result.latencies_us.begin(), result.latencies_us.end());
    return percentile(result.latencies_us, 0.99);
  };
  auto ours = [&] { return under(true, all); };
  auto raw = [&] { return under(false, quiet_all); };
  ASSIGN_OR_RETURN(Row row, compare(options, "chunks 4 KiB, p99 while reclaiming", "us", ours, raw));
  row.goal = Goal::at_most(2 * row.raw.value_or(0));
  row.latency = latency_of(std::move(all));
  row.raw_latency = latency_of(std::move(quiet_all));
  report.rows.push_back(std::move(row));
  clear(directory);
  return Status();
}
}  // namespace

Status add_chunk_rows(const Options& options, Report& report) {
  Bench bench{options, report};
  if (options.wanted("chunks 4 MiB")) RETURN_IF_ERROR(bench.large_chunks());
  if (options.wanted("chunks 4 KiB, put, memory") && ::access(kMemoryDisk, W_OK) == 0)
    RETURN_IF_ERROR(bench.small_chunks());
  if (options.wanted("chunks, restart")) RETURN_IF_ERROR(bench.restart());
  if (options.wanted("chunks 4 KiB, p99 while reclaiming")) RETURN_IF_ERROR(bench.reclaiming());
  return Status();
}

}  // namespace vortex::bench
