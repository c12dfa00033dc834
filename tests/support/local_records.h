// Records without a cluster: the partitions' real state machines in memory, behind the interface that everybody uses.
// They outlive whoever uses them, as a cluster does.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/env.h"
#include "dht/partition/partition.h"
#include "dht/records.h"
#include "dht/records_client/split.h"

namespace vortex::dht {

// The partitions, shared by any number of LocalRecords.
class LocalPartitions {
 public:
  explicit LocalPartitions(std::uint32_t count = 16);

  std::uint32_t count() const { return static_cast<std::uint32_t>(partitions_.size()); }
  Partition& partition(PartitionNumber number) { return partitions_.at(number).state; }
  // The newest version in it.
  Version newest(PartitionNumber number) const { return partitions_.at(number).last_index; }
  // Atomic, at this moment.
  std::optional<Record> get(const Key& key);
  Page scan(const Id& place, const ByteVector& from, const ByteVector& end, ScanLimits limits);
  Commit commit(Batch batch);
  // A command as it comes out of the partition's log.
  Applied apply(PartitionNumber number, Command command) { return apply(partitions_.at(number), std::move(command)); }
  // Commits that were done.
  std::uint64_t commits() const { return commits_; }

 private:
  struct Group {
    explicit Group(PartitionNumber number) : state(number) {}
    Partition state;
    Version last_index = 0;
    OperationId last_operation;
  };
  Applied apply(Group& group, Command command);
  Command command(Group& group, CommandKind kind, Batch batch);
  Commit commit_within(Group& group, BatchPart part, std::size_t writes);
  Commit commit_across(std::vector<BatchPart> parts, std::size_t writes);

  std::vector<Group> partitions_;
  std::uint64_t commits_ = 0;
};

struct LocalRecordsOptions {
  Duration delay_max{0};  // of every call; drawn
  // Chances, of every call: `busy` and `timed_out`, and of commits an outcome that is not known though it was done, or
  // though it was not.
  double busy = 0, timed_out = 0, unknown_done = 0, unknown_not_done = 0;

  LocalRecordsOptions() {}
};

class LocalRecords final : public Records {
 public:
  LocalRecords(Env& env, LocalPartitions& partitions, LocalRecordsOptions options = LocalRecordsOptions())
      : env_(env), partitions_(partitions), options_(options) {}

  Task<Result<std::optional<Record>>> get(Key key, Duration timeout) override;
  Task<Result<Page>> scan(Id place, ByteVector from, ByteVector end, ScanLimits limits, Duration timeout) override;
  Task<Result<Commit>> commit(Batch batch, Duration timeout) override;

  // Called before each commit takes place, for tests that want something to happen exactly then.
  void before_commit(std::function<void(const Batch&)> hook) { before_commit_ = std::move(hook); }
  void set_options(LocalRecordsOptions options) { options_ = options; }

 private:
  // Waits, and fails where that is wanted; then nothing has happened.
  Task<Status> arrive(Duration timeout);
  Duration draw_delay();

  Env& env_;
  LocalPartitions& partitions_;
  LocalRecordsOptions options_;
  std::function<void(const Batch&)> before_commit_;
};

}  // namespace vortex::dht
