#include "node/namespace/tree.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "node/namespace/repeat.h"

namespace vortex::node {

namespace {

constexpr unsigned kEagerTries = 3;
constexpr Duration kBackoffMax = milliseconds(50);
constexpr Duration kTendTimeout = seconds(60);

bool in_one_place(const dht::Batch& batch) {
  auto here = [&batch](const auto& item) { return item.key.place == batch.writes.front().key.place; };
  return std::ranges::all_of(batch.writes, here) && std::ranges::all_of(batch.conditions, here);
}

// A transaction keeps others from what it writes until it is over: those that all write one directory's time would wait
// for each other. So in a batch over several places times are written before, where their parts still are; where one is
// gone, the batch will say so.
Task<Status> write_pulses_before(dht::Records& records, dht::Batch& batch, Instant deadline, Env& env) {
  if (batch.writes.empty() || in_one_place(batch)) co_return Status();
  auto is_pulse = [](const dht::Write& write) { return write.value && name_in(write.key, RecordKind::pulse); };
  auto first = std::stable_partition(batch.writes.begin(), batch.writes.end(), std::not_fn(is_pulse));
  std::vector<dht::Write> pulses(std::make_move_iterator(first), std::make_move_iterator(batch.writes.end()));
  batch.writes.erase(first, batch.writes.end());
  for (dht::Write& pulse : pulses) {
    Plan alone;
    alone.require_exists(key_of(pulse.key.place, RecordKind::part));
    alone.write(std::move(pulse.key), std::move(*pulse.value));
    auto written = co_await records.commit(alone.take(), std::max<Duration>(deadline - env.now(), Duration(1)));
    if (!written.ok() && !written.is(Code::outcome_unknown)) co_return written.error();
  }
  co_return Status();
}

}  // namespace

NewContent NewContent::of(ByteVector bytes) {
  NewContent content;
  content.size = bytes.size();
  content.etag = chunker::etag_of_inline(bytes);
  content.small = std::move(bytes);
  return content;
}

Tree::Tree(Env& env, dht::Records& records, TreeOptions options)
    : env_(env), records_(records), options_(options), parts_(env, records, options.parts), group_(env.loop()) {}

Task<void> Tree::stop() { co_await group_.stop(); }

FileTime Tree::wall_now() const { return env_.clock().wall_now().time_since_epoch().count(); }

// From the time, so that a name's versions grow though its file is made anew, and with 12 random bits, so that files
// made at the same time differ.
std::uint64_t Tree::first_version() {
  auto micros = static_cast<std::uint64_t>(std::max<FileTime>(wall_now(), 0) / 1000);
  return micros << 12 | (env_.random().next() & 0xfff);
}

std::uint64_t next_version(std::uint64_t version, FileTime now) {
  auto micros = static_cast<std::uint64_t>(std::max<FileTime>(now, 0) / 1000);
  return std::max(version + 1, micros << 12);
}

Status check(const Precondition& only_if, const Inode& inode) {
  if (only_if.absent) return Code::exists;
  if (only_if.version && *only_if.version != inode.version)
    return Error(Code::precondition_failed, "the version is " + std::to_string(inode.version));
  if (only_if.etag && *only_if.etag != inode.etag)
    return Error(Code::precondition_failed, "the ETag is " + to_hex(inode.etag));
  return Status();
}

Effort Tree::begin(Duration timeout) const {
  Effort effort;
  effort.deadline = env_.now() + timeout;
  return effort;
}

Duration Tree::left(const Effort& effort) const { return std::max(effort.deadline - env_.now(), Duration(1)); }

Task<Status> Tree::again(Effort& effort) {
  ++effort.tries;
  if (env_.now() >= effort.deadline) {
    if (effort.unknown) co_return Code::outcome_unknown;
    co_return Error(Code::busy, "others change the same names all the time");
  }
  if (effort.tries < kEagerTries) co_return Status();
  Duration limit = std::min<Duration>(kBackoffMax, milliseconds(1) * (1 << std::min(effort.tries, 6u)));
  auto wait = Duration(1 + env_.random().below(static_cast<std::uint64_t>(limit.count())));
  co_return co_await sleep_for(env_, wait);
}

Task<Result<Tried>> Tree::commit(NamePlan plan, const Change& change, Effort& effort) {
  Tried tried;
  dht::Batch batch = plan.take();
  Status before = co_await write_pulses_before(records_, batch, effort.deadline, env_);
  Result<dht::Commit> committed =
      before.ok() ? Result<dht::Commit>(dht::Commit()) : Result<dht::Commit>(before.error());
  if (before.ok()) committed = co_await records_.commit(std::move(batch), left(effort));
  if (!committed.ok()) {
    if (!committed.is(Code::outcome_unknown)) {
      if (effort.unknown) co_return Code::outcome_unknown;
      co_return committed.error();
    }
    effort.unknown = true;
    if (!change.operation) co_return committed.error();
    tried.failed = SIZE_MAX;
    co_return tried;
  }
  if (committed->done) {
    tried.end = Tried::End::done;
    if (on_release_)
      for (const dht::Key& release : plan.releases()) on_release_(release);
    co_return tried;
  }
  tried.failed = committed->failed;
  tried.found = std::move(committed->found);
  if (plan.operation_known(tried.failed) && tried.found) {
    CO_ASSIGN_OR_RETURN(tried.operation, decode_record<OperationRecord>(tried.found->value));
    tried.end = Tried::End::before;
  } else if (const Spot* missing = plan.part_missing(tried.failed)) {
    CO_RETURN_IF_ERROR(co_await parts_.relocate(missing->directory, missing->part, left(effort)));
  }
  co_return tried;
}

// Where the name is, and where it was before its part was split.
Task<Result<std::optional<OperationRecord>>> Tree::executed(Id directory, std::string name, const Change& change,
                                                            Effort& effort) {
  std::optional<OperationRecord> operation;
  Spot spot = parts_.locate(directory, name);
  for (Part part = spot.part;; part = part.parent()) {
    dht::Key key = key_of(place_of(directory, part), RecordKind::operation, *change.operation);
    CO_ASSIGN_OR_RETURN(std::optional<dht::Record> record, co_await records_.get(key, left(effort)));
    if (record) {
      CO_ASSIGN_OR_RETURN(operation, decode_record<OperationRecord>(record->value));
      break;
    }
    if (part.depth == 0) break;
  }
  co_return operation;
}

Task<Result<bool>> Tree::was_executed(Id directory, std::string name, Change change) {
  if (!change.operation) co_return false;
  Effort effort = begin(change.timeout);
  CO_ASSIGN_OR_RETURN(std::optional<OperationRecord> operation,
                      co_await executed(directory, std::move(name), change, effort));
  co_return operation.has_value();
}

Task<Status> Tree::create_root(Attributes attributes, FilePolicy policy, Duration timeout) {
  CO_RETURN_IF_ERROR(validate(policy));
  DirectoryHeader header;
  header.id = header.parent = kRootDirectory;
  header.version = first_version();
  header.attributes = std::move(attributes);
  header.policy = policy;
  PartHeader part;
  part.directory = kRootDirectory;
  Plan plan;
  dht::Key key = key_of(kRootDirectory, RecordKind::header);
  plan.require_absent(key);
  plan.write(std::move(key), encode_record(header));
  plan.write(key_of(kRootDirectory, RecordKind::part), encode_record(part));
  auto made = co_await records_.commit(plan.take(), timeout);
  if (!made.ok()) co_return made.error();
  co_return Status();
}

Task<Status> Tree::forget_operations(Id place, std::size_t max) {
  ByteVector from = begin_of(RecordKind::operation);
  for (std::size_t seen = 0; seen < max && !from.empty();) {
    dht::ScanLimits limits;
    limits.records = 100;
    CO_ASSIGN_OR_RETURN(dht::Page page,
                        co_await records_.scan(place, from, end_of(RecordKind::operation), limits, kTendTimeout));
    Plan plan;
    for (const dht::Record& record : page.records) {
      plan.require_version(record.key, record.version);
      plan.erase(record.key);
    }
    if (!page.records.empty()) {
      auto erased = co_await records_.commit(plan.take(), kTendTimeout);
      if (!erased.ok()) co_return erased.error();
    }
    seen += page.records.size();
    from = std::move(page.next);
  }
  co_return Status();
}

void Tree::entry_made(const Spot& spot) {
  bool look = spot.old_place.has_value() || env_.random().below(options_.parts.count_one_in) == 0;
  if (!look || tending_ || group_.cancelled()) return;
  tending_ = true;
  group_.spawn(tend(spot.directory, spot.name));
}

// Upkeep that nobody waits for; what fails is done at a later occasion.
Task<void> Tree::tend(Id directory, std::string name) {
  (void)(co_await parts_.tend(directory, name, kTendTimeout)).ok();
  tending_ = false;
}

}  // namespace vortex::node
