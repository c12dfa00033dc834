// A partition as a Raft group hosts it: the state, its values in files, and its way to disk and to other replicas.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "dht/groups/state_machine.h"
#include "dht/partition/partition.h"
#include "dht/partition/state_stream.h"
#include "dht/partition/value_files.h"

namespace vortex::dht {

// What apply() gives to whoever proposed: the outcome, where the record found may still name its value's place.
struct Answer {
  Outcome outcome;
  bool found_elsewhere = false;
  VORTEX_FIELDS(outcome, found_elsewhere)
};

class PartitionMachines;

class PartitionMachine final : public groups::StateMachine {
 public:
  PartitionMachine(PartitionMachines& machines, PartitionNumber number, std::string directory);
  ~PartitionMachine() override;

  std::uint32_t format() const override { return kStateFormat; }
  ByteVector apply(groups::Index index, ByteView command) override;
  std::unique_ptr<groups::FrozenState> freeze() override;
  void checkpointed() override;
  Task<Status> load(wal::CheckpointReader& from) override;
  Task<Status> add_piece(std::uint32_t format, ByteVector piece) override;
  Task<Status> pieces_end() override;
  std::size_t memory_bytes() const override { return memory_; }
  Task<void> stop() override;

  const Partition& state() const { return state_; }
  // The value, wherever it is; `not_found` when the record has changed meanwhile. stop() waits for it.
  Task<Result<ByteVector>> value(PackedRecordPtr record);
  Task<Result<ByteVector>> value_at(Whereabouts whereabouts);
  const ValueFiles& values() const { return values_; }

 private:
  friend class FrozenPartition;
  // A value that a checkpoint names at a new place.
  struct Moved {
    Key key;
    Version version = 0;
    Whereabouts to;
  };
  Task<Status> keep_large(std::vector<StateReader::LargeRecord> records);
  // Everything that is said to be in files is there.
  Status check_values() const;
  void account();

  PartitionMachines& machines_;
  Partition state_;
  ValueFiles values_;
  std::unique_ptr<StateReader> reader_;  // while pieces are added
  std::vector<Moved> moved_;             // by the checkpoint under way or last made
  std::size_t memory_ = 0;
  std::size_t readers_ = 0;
  Parking* no_readers_ = nullptr;  // where stop() waits
  TaskGroup tasks_;
};

// Makes the machines of one node and knows how much memory they use together.
class PartitionMachines final : public groups::StateMachines {
 public:
  struct Options {
    std::size_t memory_max = 4 * kGiB;
    std::size_t open_files_max = 128;
    Options() {}
  };
  explicit PartitionMachines(Env& env, Options options = Options());
  std::unique_ptr<groups::StateMachine> make(groups::GroupId group, std::string directory) override;

  // Beyond it nothing is written any more but what makes room.
  bool full() const { return memory_ >= options_.memory_max; }
  std::size_t memory() const { return memory_; }
  Env& env() { return env_; }

 private:
  friend class PartitionMachine;
  Env& env_;
  Options options_;
  OpenFiles open_;
  std::size_t memory_ = 0;
  Gauge& memory_gauge_;
};

}  // namespace vortex::dht
