// A node as far as it goes today: a chunk store behind the network, proven a member of its cluster. And the way
// in which a file gets onto such nodes and back. For scenarios.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "chunker/extent.h"
#include "dht/ring/ring.h"
#include "net/memory_credentials.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "node/chunk_store.h"
#include "tests/sim/machine.h"
#include "tests/sim/program.h"

namespace vortex::sim {

inline constexpr std::uint16_t kStoragePort = 7400;

// What every member of the simulated cluster knows.
struct ClusterFacts {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  net::Transport transport = net::Transport::plain;

  net::Identity identity(std::size_t number) const;  // of node or client `number`, from 1
  net::Target target(std::size_t number) const;
  dht::Ring ring() const;
  std::size_t number_of(const NodeId& id) const;  // 0 for a stranger
};

// The network side that nodes and clients share.
struct MemberEnd {
  MemberEnd(Env& env, const ClusterFacts& facts, std::size_t number);
  Task<void> stop();

  net::Dispatcher dispatcher;
  net::MemoryCredentials credentials;
  net::SecureHandshaker handshaker;
  net::Switchboard board;
  net::Peers peers;
};

class StorageNode final : public Program {
 public:
  StorageNode(Env& env, const ClusterFacts& facts, std::size_t number);
  Task<void> run() override;
  Task<void> stop() override;

 private:
  Env& env_;
  MemberEnd end_;
  net::Server server_;
  std::unique_ptr<node::ChunkStore> store_;
  Parking ending_;
  bool stopping_ = false;
};

using StoredFile = std::vector<chunker::PlacedExtent>;

// Cuts, packs, sends every chunk to all its owners at once, and makes each node's copies durable together. Acknowledged
// when at least `copies_min` owners of every chunk have said so.
Task<Result<StoredFile>> store_file(Env& env, MemberEnd& end, const ClusterFacts& facts, ByteView content,
                                    chunker::Policy policy, std::size_t copies, std::size_t copies_min);
// Whichever owner has a chunk gives it; every byte is checked.
Task<Result<ByteVector>> fetch_file(Env& env, MemberEnd& end, const ClusterFacts& facts, StoredFile file,
                                    std::size_t copies);

}  // namespace vortex::sim
