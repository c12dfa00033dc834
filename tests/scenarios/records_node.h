// Nodes that hold partitions of records, with everything below them: heartbeats, Raft groups, logs, connections. And
// clients of them on machines of their own. For scenarios.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "dht/groups/host.h"
#include "dht/groups/manager.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/records_client/records_client.h"
#include "dht/records_client/records_server.h"
#include "dht/records_client/remote_port.h"
#include "dht/records_client/settler.h"
#include "net/memory_credentials.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tests/scenarios/records_workload.h"
#include "tests/sim/program.h"

namespace vortex::sim {

// What everybody in such a world knows.
struct RecordsWorld {
  World* world = nullptr;
  std::size_t nodes = 3;
  std::uint32_t partitions = 4;
  std::size_t checkpoint_bytes = 48 * kKiB;
  // Where it is not 0: a log of so many small segments, in which groups move on only because they are asked to.
  std::size_t short_log = 0;
  // Every node has a manager, and whoever was not heard for so long is replaced.
  bool managed = false;
  Duration evict_after = seconds(4);
  std::set<std::uint32_t> grown;  // partitions that have all their voters
  bool created = false;

  net::Identity identity(std::size_t number) const;
  // Made once: a key costs as much as a thousand events.
  NodeId id(std::size_t number) const;
  net::Target target(std::size_t number) const;
  std::optional<Address> address_of(const NodeId& node) const;
  mutable std::map<std::size_t, NodeId> ids;
};

// A member's end of the network.
struct RecordsEnd {
  RecordsEnd(Env& env, const RecordsWorld& shared, std::size_t number, std::uint64_t boot_epoch);
  net::Dispatcher dispatcher;
  net::MemoryCredentials credentials;
  net::SecureHandshaker handshaker;
  net::Switchboard board;
  net::Peers peers;
};

class RecordsNode final : public Program, private dht::groups::Neighbourhood {
 public:
  RecordsNode(Env& env, RecordsWorld& shared, std::size_t number, std::uint64_t boot_epoch);
  Task<void> run() override;
  Task<void> stop() override;
  dht::groups::Host* host() { return host_.get(); }

 private:
  std::vector<NodeId> closest(dht::groups::GroupId group, std::size_t count) const override;
  dht::groups::NodeState state(const NodeId& node) const override;
  void fill_directory();
  // The first node makes the groups and takes the others in.
  Task<void> grow();
  Task<Status> grow_one(std::uint32_t partition);

  Env& env_;
  RecordsWorld& shared_;
  const std::size_t number_;
  const std::uint64_t boot_epoch_;
  RecordsEnd end_;
  net::Server server_;
  dht::Directory directory_;
  dht::Heartbeats heartbeats_;
  dht::PartitionMachines machines_;
  dht::PartitionTable table_;
  std::unique_ptr<dht::groups::Host> host_;
  std::unique_ptr<dht::RecordsServer> records_;
  dht::RemotePort port_;
  dht::Operations operations_;
  std::unique_ptr<dht::Settler> settler_;
  std::unique_ptr<dht::groups::Manager> manager_;
  Instant started_{};
  Parking ending_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

// Does the workload through the network.
class RecordsUser final : public Program {
 public:
  RecordsUser(Env& env, RecordsWorld& shared, std::size_t number, RecordsWorkload& workload);
  Task<void> run() override;
  Task<void> stop() override;
  dht::RecordsClient& records() { return client_; }
  // Instead of run(): ends what was done through records().
  Task<void> finish();

 private:
  Env& env_;
  RecordsWorkload& workload_;
  RecordsEnd end_;
  dht::PartitionTable table_;
  dht::RemotePort port_;
  dht::RecordsClient client_;
  Parking ending_;
  TaskGroup tasks_;
};

}  // namespace vortex::sim
