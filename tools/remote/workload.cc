#include "tools/remote/workload.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/limits.h"
#include "base/task_group.h"
#include "node/fetch/fetcher.h"
#include "node/store/storer.h"

namespace vortex::remote {

namespace {

constexpr std::size_t kPatternSize = 8 * kMiB;
constexpr std::uint32_t kListPage = 1000;

struct Kind {
  const char* name;
  std::uint64_t size, count, clients;
  bool prepares;  // the files are there before it begins
};
constexpr Kind kKinds[] = {
    {"store-large", kGiB, 1, 1, false},
    {"fetch-large", kGiB, 1, 1, true},
    {"store-small", 4096, 20'000, 256, false},
    {"fetch-small", 4096, 20'000, 256, true},
    {"create", 0, 20'000, 256, false},
    {"stat", 0, 20'000, 256, true},
    {"list", 0, 20'000, 1, true},
    {"delete", 0, 20'000, 256, true},
    {"mixed", 4096, 20'000, 256, true},
};

const Kind* kind_of(const std::string& name) {
  for (const Kind& kind : kKinds)
    if (name == kind.name) return &kind;
  return nullptr;
}

// Bytes that do not compress, and of which no two chunks are the same.
class PatternSource final : public node::ByteSource {
 public:
  PatternSource(const ByteVector& pattern, std::uint64_t size, std::uint64_t stamp)
      : pattern_(pattern), left_(size), stamp_(stamp) {}
  Task<Result<node::Piece>> read(MutableBytes room) override {
    node::Piece piece;
    std::size_t at = static_cast<std::size_t>(read_ % pattern_.size());
    piece.bytes = static_cast<std::size_t>(std::min<std::uint64_t>({room.size(), left_, pattern_.size() - at}));
    std::copy_n(pattern_.data() + at, piece.bytes, room.data());
    std::uint64_t mark = stamp_ ^ (read_ * 0x9e3779b97f4a7c15u);
    std::memcpy(room.data(), &mark, std::min(piece.bytes, sizeof mark));
    left_ -= piece.bytes;
    read_ += piece.bytes;
    co_return piece;
  }

 private:
  const ByteVector& pattern_;
  std::uint64_t left_, read_ = 0;
  const std::uint64_t stamp_;
};

class CountingSink final : public node::ByteSink {
 public:
  Task<Status> write(std::uint64_t, Buffer bytes) override {
    count_ += bytes.size();
    co_return Status();
  }
  Task<Status> hole(std::uint64_t, std::uint64_t length) override {
    count_ += length;
    co_return Status();
  }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

double processor_time_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  // Behind the name, which stands in brackets and may hold anything.
  std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0, system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_processor_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds_of = [](const timeval& time) { return double(time.tv_sec) + double(time.tv_usec) / 1e6; };
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double sum_of(const std::vector<int>& nodes) {
  double sum = 0;
  for (int pid : nodes) sum += processor_time_of(pid);
  return sum;
}

// One run of one workload.
class Run {
 public:
  Run(Remote& on, WorkloadOptions options, const Kind& kind)
      : on_(on),
        options_(std::move(options)),
        kind_(kind),
        size_(options_.size.value_or(kind.size)),
        count_(options_.count.value_or(options_.seconds && !kind.prepares ? UINT64_MAX : kind.count)),
        clients_(std::clamp<std::uint64_t>(options_.clients.value_or(kind.clients), 1, 4096)),
        pattern_(kPatternSize) {
    on.env.random().fill(pattern_);
    Id id = on.env.random().id();
    directory_ = "/bench-" + id.short_hex();
  }

  Task<Result<WorkloadRun>> run();

 private:
  std::string name(std::uint64_t index) const { return directory_ + "/" + std::to_string(index); }
  // So many at once, as fast as they go.
  using Operation = Task<Status> (Run::*)(std::uint64_t index);
  Task<Status> all(Operation what, std::uint64_t count, bool timed);
  Task<void> worker(Operation what, std::uint64_t count, bool timed, Status& status);

  Task<Status> store(std::uint64_t index);
  Task<Status> create(std::uint64_t index);
  Task<Status> fetch(std::uint64_t index);
  Task<Status> stat(std::uint64_t index);
  Task<Status> list(std::uint64_t index);
  Task<Status> remove(std::uint64_t index);
  Task<Status> mixed(std::uint64_t index);
  Operation operation() const;

  Remote& on_;
  const WorkloadOptions options_;
  const Kind kind_;
  const std::uint64_t size_, count_, clients_;
  ByteVector pattern_;
  std::string directory_;
  std::uint64_t next_ = 0;
  Instant begun_{};
  std::vector<double> latencies_;  // in milliseconds
  WorkloadRun run_;
};

Task<Status> Run::store(std::uint64_t index) {
  PatternSource source(pattern_, size_, index + 1);
  node::StoreOptions options;
  options.attributes.modified = on_.env.clock().wall_now().time_since_epoch().count();
  options.record_timeout = on_.timeout;
  options.change = on_.names.change(on_.timeout);
  node::Storer storer(on_.env, on_.files, on_.holders);
  auto stored = co_await storer.store(name(index), source, options);
  if (!stored.ok()) co_return stored.error();
  run_.bytes += stored->size;
  co_return Status();
}

Task<Status> Run::create(std::uint64_t index) {
  node::Attributes attributes;
  auto made = co_await on_.files.store_small(name(index), ByteVector(), attributes, on_.names.change(on_.timeout));
  if (!made.ok()) co_return made.error();
  co_return Status();
}

Task<Status> Run::fetch(std::uint64_t index) {
  CountingSink sink;
  node::FetchOptions options;
  options.record_timeout = on_.timeout;
  node::Fetcher fetcher(on_.env, on_.files, on_.holders);
  auto fetched = co_await fetcher.fetch(name(index), sink, options);
  if (!fetched.ok()) co_return fetched.error();
  if (sink.count() != size_) co_return Error(Code::damaged, "a file has another size than was stored");
  run_.bytes += sink.count();
  co_return Status();
}

Task<Status> Run::stat(std::uint64_t index) {
  auto found = co_await on_.names.stat(name(index), true, on_.timeout);
  if (!found.ok()) co_return found.error();
  co_return Status();
}

// All of the directory; the run counts entries.
Task<Status> Run::list(std::uint64_t) {
  std::uint64_t seen = 0;
  bool more = true;
  std::string last;
  while (more) {
    auto page = co_await on_.names.list(directory_, last, kListPage, on_.timeout);
    if (!page.ok()) co_return page.error();
    seen += page->entries.size();
    more = page->more && !page->entries.empty();
    if (more) last = page->entries.back().name;
  }
  run_.ops += seen;
  co_return Status();
}

Task<Status> Run::remove(std::uint64_t index) {
  co_return co_await on_.names.remove(name(index), net::RemoveWhat::file, on_.timeout);
}

// As clients of a shared disk do: mostly reads, some attributes, some writes over what is there.
Task<Status> Run::mixed(std::uint64_t index) {
  std::uint64_t dice = on_.env.random().below(10);
  if (dice < 6) co_return co_await fetch(index);
  if (dice < 8) co_return co_await stat(index);
  co_return co_await store(index);
}

Run::Operation Run::operation() const {
  std::string_view name = kind_.name;
  if (name.starts_with("store")) return &Run::store;
  if (name.starts_with("fetch")) return &Run::fetch;
  if (name == "create") return &Run::create;
  if (name == "stat") return &Run::stat;
  if (name == "list") return &Run::list;
  if (name == "delete") return &Run::remove;
  return &Run::mixed;
}

Task<void> Run::worker(Operation what, std::uint64_t count, bool timed, Status& status) {
  while (status.ok() && next_ < count) {
    Instant begun = on_.env.now();
    bool late = timed && options_.seconds && to_seconds(begun - begun_) >= *options_.seconds;
    if (late) co_return;
    std::uint64_t index = next_++;
    Status done = co_await (this->*what)(index);
    if (!done.ok() && status.ok()) status = std::move(done);
    if (!timed) continue;
    latencies_.push_back(to_seconds(on_.env.now() - begun) * 1e3);
  }
}

Task<Status> Run::all(Operation what, std::uint64_t count, bool timed) {
  next_ = 0;
  begun_ = on_.env.now();
  Status status;
  TaskGroup workers(on_.env.loop());
  for (std::uint64_t i = 0; i < clients_; ++i) workers.spawn(worker(what, count, timed, status));
  co_await workers.join();
  co_return status;
}

Task<Result<WorkloadRun>> Run::run() {
  node::Attributes attributes;
  attributes.mode = 0755;
  auto made = co_await on_.names.make_directory(directory_, false, attributes, on_.timeout);
  if (!made.ok()) co_return made.error();
  Status status;
  std::string_view workload = kind_.name;
  const Operation prepare = size_ == 0 ? &Run::create : &Run::store;
  if (kind_.prepares) status = co_await all(prepare, count_, false);
  run_ = WorkloadRun();
  double client_before = own_processor_time(), nodes_before = sum_of(options_.nodes);
  Instant begun = on_.env.now();
  std::uint64_t rounds = workload == "list" ? std::min<std::uint64_t>(clients_, count_) : count_;
  if (status.ok()) status = co_await all(operation(), rounds, true);
  run_.seconds = to_seconds(on_.env.now() - begun);
  run_.client_cpu_s = own_processor_time() - client_before;
  run_.nodes_cpu_s = sum_of(options_.nodes) - nodes_before;
  auto removed = co_await on_.names.remove_tree(directory_, on_.timeout);
  CO_RETURN_IF_ERROR(std::move(status));
  if (!removed.ok()) co_return removed.error();
  run_.workload = options_.workload;
  run_.clients = clients_;
  if (workload != "list") run_.ops = latencies_.size();
  std::sort(latencies_.begin(), latencies_.end());
  auto share = [this](double part) {
    if (latencies_.empty()) return 0.0;
    auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(latencies_.size())));
    return latencies_[std::clamp<std::size_t>(rank, 1, latencies_.size()) - 1];
  };
  run_.p50_ms = share(0.5);
  run_.p90_ms = share(0.9);
  run_.p99_ms = share(0.99);
  run_.max_ms = share(1);
  co_return run_;
}

}  // namespace

std::vector<std::string> workloads() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

Task<Result<WorkloadRun>> run_workload(Remote& on, WorkloadOptions options) {
  const Kind* kind = kind_of(options.workload);
  if (kind == nullptr) co_return Error(Code::invalid_argument, "there is no workload '" + options.workload + "'");
  Run run(on, std::move(options), *kind);
  co_return co_await run.run();
}

}  // namespace vortex::remote
