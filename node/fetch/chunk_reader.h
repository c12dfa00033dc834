// Reads chunks from whoever holds them: the ring's owners first, the record's holders after them, a second one beside
// the first where that is slow.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "base/env.h"
#include "chunker/manifest_reader.h"
#include "node/store/file_records.h"
#include "node/store/holders.h"

namespace vortex::node {

struct ReadOptions {
  std::size_t copies = 3;  // owners that are asked before the record is
  Duration get_timeout = seconds(10);
  Duration record_timeout = seconds(10);
  // A read is hedged when it takes so many times what its holder usually takes, but not before `hedge_min`.
  unsigned hedge_factor = 4;
  Duration hedge_min = milliseconds(20), hedge_max = seconds(1);
  // Told of copies that are bad or missing where they should be.
  std::function<void(const ChunkId&, const NodeId&, const Error&)> on_bad_copy;

  ReadOptions() {}
};

struct ReadStats {
  std::uint64_t reads = 0, bytes = 0, hedged = 0, hedges_won = 0, failed_copies = 0, looked_up = 0;
};

class ChunkReader final : public chunker::NodeSource {
 public:
  ChunkReader(Env& env, FileRecords& files, ChunkHolders& holders, ReadOptions options = ReadOptions())
      : env_(env), files_(files), holders_(holders), options_(std::move(options)) {}

  // Bytes [from, from + count) of an extent that begins at `file_offset`.
  Task<Result<Buffer>> read(chunker::Extent extent, std::uint64_t file_offset, std::uint64_t from, std::uint64_t count);
  // A manifest node's bytes; `not_found` when no holder has it and there is no record of it.
  Task<Result<ByteVector>> load(ChunkId node) override;
  const ReadStats& stats() const { return stats_; }

 private:
  struct Race;
  // The whole stored form with its content checked, or a range of it.
  Task<Result<HeldBytes>> get(ChunkId chunk, std::uint64_t offset, std::uint64_t length, bool whole);
  Task<void> ask(Race& race, NodeId node, bool hedge);
  Task<Result<HeldBytes>> race(Race& race, std::vector<NodeId> nodes);
  Duration patience(const NodeId& node) const;
  void note(const NodeId& node, Duration took);

  Env& env_;
  FileRecords& files_;
  ChunkHolders& holders_;
  const ReadOptions options_;
  std::map<NodeId, Duration> usual_;  // how long a read of the node takes, smoothed
  ReadStats stats_;
};

}  // namespace vortex::node
