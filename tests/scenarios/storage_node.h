// A node that serves the file system and holds chunks, proven a member of its cluster, and the client's end of it. The
// records are kept by state machines outside of the world, which lose nothing, with the delays and doubts of a cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/memory_credentials.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "node/chunk_service.h"
#include "node/client/remote_files.h"
#include "node/client/remote_holders.h"
#include "node/fetch/fetcher.h"
#include "node/file_service/file_service.h"
#include "node/store/storer.h"
#include "tests/sim/machine.h"
#include "tests/sim/program.h"
#include "tests/support/local_records.h"

namespace vortex::sim {

inline constexpr std::uint16_t kStoragePort = 7400;

// What every member of the simulated cluster knows.
struct ClusterFacts {
  std::uint64_t seed = 1;
  std::size_t nodes = 3;
  net::Transport transport = net::Transport::plain;
  dht::LocalPartitions* partitions = nullptr;
  dht::LocalRecordsOptions records;

  net::Identity identity(std::size_t number) const;  // of node or client `number`, from 1
  net::Target target(std::size_t number) const;
  std::size_t number_of(const NodeId& id) const;  // 0 for a stranger
};

// The network side that nodes and clients share, and where chunks are to be found.
struct MemberEnd final : node::ClusterView {
  // `view`: how the cluster looks; without one all nodes are there, and stay.
  MemberEnd(Env& env, const ClusterFacts& facts, std::size_t number, node::ClusterView* view = nullptr);
  Task<void> stop();

  const dht::Ring& ring() override { return view_ ? view_->ring() : ring_; }
  net::Target target(const NodeId& node) override {
    return view_ ? view_->target(node) : facts.target(facts.number_of(node));
  }
  bool dead(const NodeId& node) override { return view_ && view_->dead(node); }

  const ClusterFacts facts;
  net::Dispatcher dispatcher;
  net::MemoryCredentials credentials;
  net::SecureHandshaker handshaker;
  net::Switchboard board;
  net::Peers peers;
  node::RemoteHolders holders;

 private:
  dht::Ring ring_;
  node::ClusterView* view_;
};

class StorageNode final : public Program {
 public:
  StorageNode(Env& env, const ClusterFacts& facts, std::size_t number);
  Task<void> run() override;
  Task<void> stop() override;

 private:
  Env& env_;
  MemberEnd end_;
  const std::size_t number_;
  net::Server server_;
  node::ReceiptSealer sealer_;
  std::unique_ptr<node::ChunkStore> store_;
  std::unique_ptr<node::ChunkService> chunk_service_;
  dht::LocalRecords records_;
  node::Tree tree_;
  node::Namespace names_;
  node::ChunkRecords chunk_records_;
  node::LocalFiles files_;
  node::ChunkReader reader_;
  node::FileService file_service_;
  Parking ending_;
  bool stopping_ = false;
};

// A client that asks any node.
struct ClientEnd final : node::Gateways {
  ClientEnd(Env& env, const ClusterFacts& facts, std::size_t number, node::ClusterView* view = nullptr);
  Task<void> stop() { return end.stop(); }

  net::Target next() override { return end.facts.target(1 + current_ % end.facts.nodes); }
  void failed(const net::Target&, const Error&) override { ++current_; }

  MemberEnd end;
  node::RemoteFiles files;
  node::Storer storer;
  node::Fetcher fetcher;

 private:
  std::size_t current_;
};

// The tree's root, before anybody comes.
void make_root(World& world, Machine& machine, dht::LocalPartitions& partitions, node::FilePolicy policy);

}  // namespace vortex::sim
