// Nodes of a scenario that are members of a cluster and nothing else, and questions about what they know.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dht/joining/membership.h"
#include "net/dispatcher.h"
#include "node/access/records_book.h"
#include "tests/sim/scenario.h"
#include "tests/support/local_records.h"

namespace vortex::sim {

inline constexpr std::uint16_t kMembersPort = 7400;

// What the nodes of one cluster have in common. It lives in the scenario.
struct MembersPlan {
  net::Transport transport = net::Transport::plain;
  dht::Topology topology = dht::Topology::all_to_all;
  Duration heartbeat = milliseconds(300);
  std::uint32_t token_uses = 1000;
  std::vector<Address> seeds;
  // Nodes that say they are elsewhere, by their number.
  std::map<std::size_t, Address> advertised;
  Duration evict_after = std::chrono::minutes(10);
  Duration join_within = std::chrono::minutes(5);
  // Made by the node that creates the cluster; each for so many that join.
  std::vector<net::JoinToken> tokens;
  std::size_t joiners_a_token = 1000;
  std::size_t joiners = 0;  // that are expected
  // What the nodes' decisions, tokens and keys lie in.
  dht::LocalPartitions records{1};
  // The machine that follows the decisions, as the leader of their partition does.
  std::size_t follower = 0;
};

class MemberNode final : public Program {
 public:
  MemberNode(Env& env, MembersPlan& plan, std::size_t number, std::uint16_t port, std::string zone);
  Task<void> run() override;
  Task<void> stop() override;

  // Null before it has begun.
  dht::Membership* membership() { return membership_.get(); }
  // It is a member and says so.
  bool in() const { return in_; }
  const std::string& failure() const { return failure_; }

 private:
  Task<Status> live();
  Task<Status> come_in();

  Env& env_;
  MembersPlan& plan_;
  const std::size_t number_;  // the first creates the cluster
  const std::uint16_t port_;
  const std::string zone_;
  net::Dispatcher dispatcher_;
  dht::LocalRecords records_;
  node::RecordsBook book_;
  dht::DecisionBook decisions_;
  std::unique_ptr<dht::Membership> membership_;
  bool in_ = false;
  std::string failure_;
  Parking ending_;
};

class MembersCluster {
 public:
  MembersCluster(Run& run, World& world) : run_(run), world_(world) {}

  MembersPlan plan;

  // Machines to begin with; the first of them creates the cluster. They start within `over`.
  void start(std::size_t count, Duration over);
  // One more machine, which joins.
  Machine& add(std::string zone = std::string(), std::uint16_t port = kMembersPort);
  // Starts a machine that is off, listening elsewhere than before.
  void restart_at(std::size_t index, std::uint16_t port);
  std::size_t size() const { return machines_.size(); }
  Machine& machine(std::size_t index) { return *machines_[index]; }

  // Null where nothing runs or it is not in yet.
  dht::Membership* member(std::size_t index);
  NodeId id(std::size_t index) { return ids_.at(index); }
  // Notes the ids of those that are in; what they are called may be asked when they are dead.
  void note_ids();

  // Everybody who runs is in, and takes just those who run for alive.
  bool settled();
  bool settle(Duration limit);
  // How many of the others that run take it for so.
  std::size_t taking(const NodeId& about, dht::Health health);
  std::size_t running();
  // All directories are equal.
  bool agreed();
  std::uint64_t counted(std::string_view counter);

 private:
  Run& run_;
  World& world_;
  std::vector<Machine*> machines_;
  std::vector<NodeId> ids_;
};

}  // namespace vortex::sim
