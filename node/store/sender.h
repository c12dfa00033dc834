// Brings chunks to their owners and makes them durable there, a batch at a time.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/env.h"
#include "base/task_group.h"
#include "chunker/pack.h"
#include "node/store/file_records.h"
#include "node/store/holders.h"

namespace vortex::node {

struct SendOptions {
  std::size_t copies = 3, copies_min = 2;
  Duration put_timeout = seconds(20);
  // An owner that takes longer has somebody else tried beside it.
  Duration slow_after = seconds(2);
  Duration sync_timeout = seconds(30);
  // Owners beyond `copies` that may stand in.
  std::size_t substitutes = 4;
  // Asks whether the bytes are there before it sends them.
  bool probe = true;

  SendOptions() {}
};

// One chunk on its way. It keeps the bytes until enough copies are durable.
struct Parcel {
  ChunkId chunk;
  std::uint16_t form = 0;
  Buffer stored;
  std::vector<Receipt> staged;
  std::vector<Receipt> durable;
  std::vector<NodeId> tried;
};

struct SendStats {
  std::uint64_t chunks = 0, bytes_sent = 0, copies_sent = 0, copies_found = 0, substituted = 0, resent = 0;
};

class Sender {
 public:
  Sender(Env& env, ChunkHolders& holders, SendOptions options) : env_(env), holders_(holders), options_(options) {}

  // Staged on as many owners as there should be, or at least `copies_min`. `too_few_nodes` otherwise.
  Task<Status> stage(Parcel& parcel);
  // One sync for each node and start of it; parcels that lost copies are staged elsewhere and synced again.
  Task<Status> settle(std::vector<std::unique_ptr<Parcel>>& parcels);
  const SendStats& stats() const { return stats_; }

 private:
  struct Race;
  Task<void> bring(Race& race, NodeId node);
  Task<Result<Receipt>> bring_one(NodeId node, ChunkId chunk, std::uint16_t form, Buffer stored);
  Task<void> sync_round(std::vector<std::unique_ptr<Parcel>>& parcels);
  Task<void> sync_node(NodeId node, std::vector<Receipt> staged, std::vector<Receipt>& durable);

  Env& env_;
  ChunkHolders& holders_;
  const SendOptions options_;
  SendStats stats_;
};

}  // namespace vortex::node
