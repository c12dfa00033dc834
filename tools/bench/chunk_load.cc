#include "tools/bench/chunk_load.h"

#include <time.h>

#include <algorithm>
#include <filesystem>

#include "base/endian.h"
#include "base/hash.h"
#include "base/real/runner.h"
#include "tools/bench/bench.h"
#include "wal/value_store/store.h"

namespace vortex::bench {

namespace {
using wal::values::ValueStore;

double process_cpu_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

Id id_of(std::uint64_t n) {
  std::uint8_t bytes[8];
  store_le(bytes, n);
  return sha256(bytes);
}

// What the clients of one load share.
struct Work {
  Work(Env& e, ValueStore& s, const ChunkLoad& l) : env(e), store(s), load(l), bytes(Buffer::allocate(l.size)) {
    std::ranges::fill(bytes.writable(), std::uint8_t(0x5A));
  }
  Env& env;
  ValueStore& store;
  const ChunkLoad& load;
  Buffer bytes;
  std::vector<Id> ids;
  std::uint64_t next = 0, end = 0;
  std::uint64_t operations = 0;
  bool stopping = false;
  Status status;
  std::vector<double> latencies_us;

  template <class T>
  bool good(const Result<T>& result) {
    if (!result.ok() && status.ok()) status = result.error();
    return result.ok();
  }
};

Task<void> put_all(Work& work) {
  while (work.next < work.end && work.status.ok()) {
    const Id id = work.ids[work.next++];
    auto put = co_await work.store.put(id, work.bytes);
    if (work.good(put)) ++work.operations;
  }
}

Task<void> get_all(Work& work) {
  while (work.next < work.end && work.status.ok()) {
    const Id id = work.ids[work.next++ % work.ids.size()];
    auto chunk = co_await work.store.get(id);
    if (work.good(chunk)) ++work.operations;
  }
}

Task<void> be_a_client(Work& work, std::uint64_t seed) {
  std::uint64_t dice = seed;
  while (!work.stopping && work.status.ok()) {
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t what = dice >> 33;
    Stopwatch watch;
    if (what % 2 == 0) {
      const Id id = work.ids[(what / 4 % (work.ids.size() / 2)) * 2 + 1];  // those that live
      auto chunk = co_await work.store.get(id);
      work.good(chunk);
    } else {
      const Id id = id_of((std::uint64_t(1) << 40) + work.next++);
      auto put = co_await work.store.put(id, work.bytes);
      work.good(put);
    }
    work.latencies_us.push_back(watch.seconds() * 1e6);
    ++work.operations;
    auto slept = co_await sleep_for(work.env, microseconds(200));
    work.good(slept);
  }
}

Task<void> erase_half(Work& work) {
  wal::values::CopyNumber all(work.store.epoch(), wal::values::CopyNumber::kSequenceMax);
  for (;;) {
    const std::uint64_t n = work.next;
    if (n >= work.ids.size() || !work.status.ok()) co_return;
    work.next += 2;
    auto erased = co_await work.store.erase(work.ids[n], all);
    work.good(erased);
  }
}

// Again and again, since once may be over too soon.
Task<void> reclaim(Work& work) {
  while (!work.stopping && work.status.ok()) {
    auto report = co_await work.store.reclaim();
    work.good(report);
    auto slept = co_await sleep_for(work.env, milliseconds(1));
    work.good(slept);
  }
}

Task<void> run_clients(Work& work, Task<void> (*client)(Work&), std::size_t clients) {
  TaskGroup group(work.env.loop());
  for (std::size_t i = 0; i < clients; ++i) group.spawn(client(work));
  co_await group.join();
}

Task<Status> fill_and_erase_half(Work& work) {
  work.end = work.ids.size();
  co_await run_clients(work, put_all, 64);
  CO_RETURN_IF_ERROR(co_await work.store.sync());
  work.next = 0;
  co_await run_clients(work, erase_half, 256);
  work.store.seal_segments();
  work.next = 0;
  work.operations = 0;
  co_return work.status;
}

Task<Status> mixed(Work& work, double seconds) {
  CO_RETURN_IF_ERROR(co_await fill_and_erase_half(work));
  TaskGroup group(work.env.loop());
  for (std::size_t i = 0; i < work.load.clients; ++i) group.spawn(be_a_client(work, i + 1));
  if (work.load.reclaim) group.spawn(reclaim(work));
  auto duration = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  Status slept = co_await sleep_for(work.env, duration);
  work.stopping = true;
  co_await group.join();
  if (!slept.ok()) co_return slept;
  co_return work.status;
}

Task<Status> work_on(Env& env, ValueStore& store, LoadKind kind, const ChunkLoad& load, LoadResult& result) {
  Work work(env, store, load);
  for (std::uint64_t n = 0; kind != LoadKind::nothing && n < load.count; ++n) work.ids.push_back(id_of(n));
  work.end = load.count;
  Stopwatch watch;
  const double cpu = process_cpu_seconds();
  switch (kind) {
    case LoadKind::nothing:
      break;
    case LoadKind::put: {
      co_await run_clients(work, put_all, load.clients);
      Status synced = co_await store.sync();
      work.good(synced);
      break;
    }
    case LoadKind::get_in_order:
      co_await run_clients(work, get_all, load.clients);
      break;
    case LoadKind::get_at_random:
      work.end = 4 * load.count;
      std::sort(work.ids.begin(), work.ids.end());
      co_await run_clients(work, get_all, load.clients);
      break;
    case LoadKind::mixed_over_half_dead:
      work.status = co_await mixed(work, 2.0);
      break;
  }
  result.seconds = watch.seconds();
  result.cpu_seconds = process_cpu_seconds() - cpu;
  result.operations = work.operations;
  result.latencies_us = std::move(work.latencies_us);
  co_return work.status;
}

Task<int> run(Env& env, LoadKind kind, const ChunkLoad& load, Result<LoadResult>& out) {
  LoadResult result;
  wal::values::ValueStoreOptions options;
  options.reclaim_bytes_per_second = 0;
  options.background = kind == LoadKind::put || kind == LoadKind::nothing;
  if (kind == LoadKind::mixed_over_half_dead) options.segment_bytes = 16 * kMiB;
  Stopwatch opening;
  auto opened = co_await ValueStore::open(env, load.directory, options);
  result.open_seconds = opening.seconds();
  if (!opened.ok()) {
    out = std::move(opened).error();
    co_return 1;
  }
  auto store = std::move(opened).value();
  Status status = co_await work_on(env, *store, kind, load, result);
  result.chunks = store->stats().values;
  result.index_bytes = store->stats().index_bytes;
  result.reclaimed = store->stats().reclaimed_segments;
  if (!load.copy_before_stop.empty())
    std::filesystem::copy(load.directory, load.copy_before_stop, std::filesystem::copy_options::recursive);
  Status stopped = co_await store->stop();
  if (status.ok()) status = stopped;
  if (status.ok()) {
    out = std::move(result);
  } else {
    out = status.error();
  }
  co_return 0;
}
}  // namespace

Result<LoadResult> run_load(LoadKind kind, const ChunkLoad& load) {
  RealOptions quiet;
  quiet.log_level = LogLevel::error;
  Runner runner(quiet);
  Result<LoadResult> result = Error(Code::internal, "nothing was measured");
  runner.run_without_signals(run(runner.env(), kind, load, result));
  return result;
}

}  // namespace vortex::bench
