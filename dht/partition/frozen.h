// The state of a partition at one moment, on its way to disk or to another replica.
#pragma once

#include <map>

#include "dht/partition/machine.h"

namespace vortex::dht {

class FrozenPartition final : public groups::FrozenState {
 public:
  explicit FrozenPartition(PartitionMachine& machine);
  Task<Result<ByteVector>> next_piece() override;
  Task<Status> save(wal::CheckpointWriter& to) override;

 private:
  // The next records, none after the last.
  std::vector<PackedRecordPtr> next_records(std::size_t bytes);
  Task<Status> save_records(wal::CheckpointWriter& to);
  // Puts values into files where that is their place, and says where.
  Task<Status> place_values(const std::vector<PackedRecordPtr>& records, std::map<std::size_t, Whereabouts>& placed);
  Task<Status> write_values(const std::vector<PackedRecordPtr>& records, const std::vector<std::size_t>& which,
                            std::vector<ByteVector> moved, std::map<std::size_t, Whereabouts>& placed);

  PartitionMachine& machine_;
  Env& env_;
  const RecordMap records_;
  ValueFiles::Held held_;
  ByteVector tables_;
  Key next_;
  bool started_ = false;
  bool all_records_ = false, all_ = false;
  std::uint64_t written_ = 0;
  std::map<std::uint32_t, std::uint64_t> live_;  // bytes of values by file, as the checkpoint names them
};

}  // namespace vortex::dht
