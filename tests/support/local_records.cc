#include "tests/support/local_records.h"

namespace vortex::dht {

namespace {

Record unpacked(const PackedRecord& record) {
  CHECK(!record.elsewhere());
  Record copy;
  copy.key = record.key().copy();
  copy.version = record.version();
  copy.value = to_vector(record.value());
  return copy;
}

Commit refused(const BatchPart& part, const Applied& applied) {
  CHECK(applied.outcome.kind == OutcomeKind::refused);
  Commit commit;
  commit.failed = part.conditions.at(applied.outcome.failed);
  if (applied.found) commit.found = unpacked(*applied.found);
  return commit;
}

}  // namespace

LocalPartitions::LocalPartitions(std::uint32_t count) {
  CHECK(valid_partition_count(count));
  for (PartitionNumber number = 0; number < count; ++number) {
    Group& group = partitions_.emplace_back(number);
    Command open;
    open.kind = CommandKind::open_session;
    group.last_operation.session = apply(group, std::move(open)).outcome.version;
  }
}

Applied LocalPartitions::apply(Group& group, Command command) {
  // As it would come out of the log.
  auto decoded = decode_command(encode_command(command));
  return group.state.apply(++group.last_index, std::move(*decoded));
}

Command LocalPartitions::command(Group& group, CommandKind kind, Batch batch) {
  Command made;
  made.kind = kind;
  ++group.last_operation.sequence;
  made.operation = group.last_operation;
  made.acknowledged = group.last_operation.sequence;
  made.batch = std::move(batch);
  return made;
}

std::optional<Record> LocalPartitions::get(const Key& key) {
  Seen seen = partition(partition_of(key.place, count())).get(key);
  if (!seen.record) return std::nullopt;
  return unpacked(*seen.record);
}

Page LocalPartitions::scan(const Id& place, const ByteVector& from, const ByteVector& end, ScanLimits limits) {
  SeenPage seen = partition(partition_of(place, count())).scan(place, from, end, limits);
  Page page;
  for (const PackedRecordPtr& record : seen.records) page.records.push_back(unpacked(*record));
  page.next = std::move(seen.next);
  return page;
}

Commit LocalPartitions::commit(Batch batch) {
  const std::size_t writes = batch.writes.size();
  std::vector<BatchPart> parts = split(std::move(batch), count());
  Commit result;
  if (parts.empty()) {
    result.done = true;
  } else if (parts.size() == 1) {
    result = commit_within(partitions_[parts[0].partition], std::move(parts[0]), writes);
  } else {
    result = commit_across(std::move(parts), writes);
  }
  if (result.done) ++commits_;
  return result;
}

Commit LocalPartitions::commit_within(Group& group, BatchPart part, std::size_t writes) {
  Applied applied = apply(group, command(group, CommandKind::batch, std::move(part.batch)));
  if (applied.outcome.kind != OutcomeKind::done) return refused(part, applied);
  Commit commit;
  commit.done = true;
  commit.versions.assign(writes, applied.outcome.version);
  return commit;
}

Commit LocalPartitions::commit_across(std::vector<BatchPart> parts, std::size_t writes) {
  Group& home = partitions_[parts[0].partition];
  Command begin = command(home, CommandKind::prepare, std::move(parts[0].batch));
  begin.transaction.home = parts[0].partition;
  begin.transaction.operation = begin.operation;
  for (std::size_t i = 1; i < parts.size(); ++i) begin.participants.push_back(parts[i].partition);
  const TransactionId transaction = begin.transaction;

  Commit commit;
  commit.done = true;
  commit.versions.resize(writes);
  std::size_t prepared = 0;
  for (; prepared < parts.size() && commit.done; ++prepared) {
    BatchPart& part = parts[prepared];
    Group& group = partitions_[part.partition];
    Command prepare = std::move(begin);
    if (prepared > 0) prepare = command(group, CommandKind::prepare, std::move(part.batch));
    prepare.transaction = transaction;
    Applied applied = apply(group, std::move(prepare));
    if (applied.outcome.kind != OutcomeKind::done) commit = refused(part, applied);
    if (commit.done)
      for (std::uint32_t write : part.writes) commit.versions[write] = applied.outcome.version;
  }
  Command settle;
  settle.kind = CommandKind::decide;
  settle.transaction = transaction;
  settle.commit = commit.done;
  apply(home, settle);
  settle.kind = CommandKind::resolve;
  for (std::size_t i = 1; i < prepared; ++i) apply(partitions_[parts[i].partition], settle);
  settle.kind = CommandKind::finish;
  apply(home, settle);
  return commit;
}

Duration LocalRecords::draw_delay() {
  if (options_.delay_max <= Duration(0)) return Duration(0);
  return Duration(env_.random().below(static_cast<std::uint64_t>(options_.delay_max.count())));
}

Task<Status> LocalRecords::arrive(Duration timeout) {
  const Duration delay = env_.random().chance(options_.timed_out) ? timeout : draw_delay();
  if (delay > Duration(0)) CO_RETURN_IF_ERROR(co_await sleep_for(env_, std::min(delay, timeout)));
  if (delay >= timeout) co_return Code::timed_out;
  if (env_.random().chance(options_.busy)) co_return Code::busy;
  co_return Status();
}

Task<Result<std::optional<Record>>> LocalRecords::get(Key key, Duration timeout) {
  CO_RETURN_IF_ERROR(co_await arrive(timeout));
  co_return partitions_.get(key);
}

Task<Result<Page>> LocalRecords::scan(Id place, ByteVector from, ByteVector end, ScanLimits limits, Duration timeout) {
  CO_RETURN_IF_ERROR(co_await arrive(timeout));
  co_return partitions_.scan(place, from, end, limits);
}

Task<Result<Commit>> LocalRecords::commit(Batch batch, Duration timeout) {
  CO_RETURN_IF_ERROR(validate(batch));
  CO_RETURN_IF_ERROR(co_await arrive(timeout));
  if (env_.random().chance(options_.unknown_not_done)) co_return Code::outcome_unknown;
  if (before_commit_) before_commit_(batch);
  Commit commit = partitions_.commit(std::move(batch));
  if (env_.random().chance(options_.unknown_done)) co_return Code::outcome_unknown;
  CO_RETURN_IF_ERROR(co_await sleep_for(env_, draw_delay()));
  co_return commit;
}

}  // namespace vortex::dht
