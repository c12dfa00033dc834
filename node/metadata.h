// A node's share of the cluster's records, and the way to all of them: the Raft groups on its disk, the server for
// others, the client for itself, and the manager that keeps groups where they belong.
#pragma once

#include <memory>
#include <string>

#include "dht/groups/host.h"
#include "dht/groups/manager.h"
#include "dht/joining/membership.h"
#include "dht/partition/machine.h"
#include "dht/records_client/announcer.h"
#include "dht/records_client/records_client.h"
#include "dht/records_client/records_server.h"
#include "dht/records_client/remote_port.h"
#include "dht/records_client/settler.h"
#include "node/nearest_nodes.h"
#include "node/neighbours.h"

namespace vortex::node {

class Metadata final : private dht::groups::GroupListener {
 public:
  // Reads what is on disk and registers its messages. The membership outlives it.
  static Task<Result<std::unique_ptr<Metadata>>> open(Env& env, net::Dispatcher& dispatcher,
                                                      dht::Membership& membership, std::string directory,
                                                      std::size_t memory_max);
  ~Metadata() override;

  // The groups of a new cluster, all on this node; nothing for those that are there.
  Task<Status> create(std::uint32_t partitions);
  // The membership has begun, and its settings say how many partitions and replicas there are.
  void start();
  // Ends in two steps: this node's own use of records, with its leaderships handed over; and, when nobody can ask any
  // more (the membership has stopped), the groups.
  Task<void> retire(Duration patience);
  Task<void> stop();

  dht::Records& records() { return client_; }
  dht::groups::Host& host() { return *host_; }
  dht::PartitionTable& table() { return table_; }
  dht::RecordsServer& server() { return *server_; }
  // About the decisions on members, settings and secret: whoever leads their partition follows them.
  dht::Duty duty() const;
  // How many nodes have what is written at this place when it is acknowledged: the majority of the place's group, as
  // far as this node knows; 1 while it knows nothing.
  std::size_t durable_at(const Id& place) const;
  const dht::groups::Manager* manager() const { return manager_.get(); }

 private:
  Metadata(Env& env, dht::Membership& membership, std::size_t memory_max);
  std::optional<Address> address_of(const NodeId& id) const;
  std::vector<net::Target> anybody() const;
  void leadership(dht::groups::GroupId group, bool leads, dht::raft::Term term) override;
  void changed(dht::groups::GroupId group) override;
  void left(dht::groups::GroupId group) override;
  // All to all, news goes to a few members and from there on; in a ring only to those near the partition, who are
  // asked.
  std::vector<std::pair<net::Target, std::vector<dht::PartitionNumber>>> audience(
      std::vector<dht::PartitionNumber> partitions) const;
  // Partners are those with whom groups are shared: leases need their heartbeats.
  void tell_partners();

  Env& env_;
  dht::Membership& membership_;
  dht::PartitionMachines machines_;
  std::unique_ptr<dht::groups::Host> host_;
  dht::PartitionTable table_;
  std::unique_ptr<dht::RecordsServer> server_;
  NearestNodes nearest_;
  dht::RemotePort port_;
  dht::RecordsClient client_;
  std::unique_ptr<dht::Settler> settler_;
  std::unique_ptr<Neighbours> neighbours_;
  std::unique_ptr<dht::groups::Manager> manager_;
  std::unique_ptr<dht::Announcer> announcer_;
};

}  // namespace vortex::node
