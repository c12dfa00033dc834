// Many nodes that do nothing but find each other, and who knows the truth about them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "dht/kademlia/kademlia.h"
#include "net/memory_credentials.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

namespace vortex::sim {

inline constexpr std::uint16_t kKademliaPort = 7400;

struct SwarmSettings {
  std::size_t nodes = 60;
  bool everybody = false;
  // Handshakes prove ids with real keys; otherwise they believe what they are told.
  bool prove = false;
  // Starts are spread over this.
  Duration spread = seconds(1);
  Duration idle_close = net::kIdleClose;
  Duration check_after = dht::kCheckAfter;
  NetworkOptions network;
};

class KademliaNode final : public Program {
 public:
  struct Plan {
    std::uint64_t world = 0;  // its seed
    std::uint64_t number = 0;
    std::optional<Address> via;  // none: the first one
    Address address;
    SwarmSettings settings;
  };
  KademliaNode(Env& env, Plan plan);
  ~KademliaNode() override;
  Task<void> run() override;
  Task<void> stop() override;
  bool joined() const { return joined_; }

 private:
  std::unique_ptr<net::Handshaker> make_handshaker();
  Task<void> join();

  Env& env_;
  const Plan plan_;
  std::optional<net::Identity> identity_;
  NodeId id_;
  net::MemoryCredentials credentials_;
  std::unique_ptr<net::Handshaker> handshaker_;
  net::Dispatcher dispatcher_;
  net::Switchboard board_;
  net::Server server_;
  net::Peers peers_;
  bool joined_ = false;
  Parking ending_;

 public:
  dht::Kademlia kademlia;
  TaskGroup tasks;  // lookups, too
};

// What became of many lookups.
struct LookupTally {
  std::uint64_t begun = 0, ended = 0, right = 0, failed = 0;
  std::uint64_t hops = 0, hops_max = 0, requests = 0;
  std::vector<std::uint64_t> took_us;
};

class Swarm {
 public:
  Swarm(Run& run, SwarmSettings settings);
  ~Swarm();

  // All of them, the others by way of the first.
  void start();
  // One more, by way of somebody who is there; on a machine of its own.
  void add();
  // A machine that shows so many made-up identities to some of the nodes, and one that names nodes that do not exist.
  // `shown` counts identities.
  void add_flood(std::size_t identities, std::uint64_t* shown);
  void add_liar(std::uint64_t* shown);
  // Contacts that all nodes together know, without those of a flood.
  std::size_t honest_contacts() const;
  // A random one goes dark; never the first.
  void cut_one();
  bool everybody_joined() const;
  // Everybody who joined has the one nearest to it in its table.
  bool neighbours_known() const;
  // From a random node to a random id.
  void look_up(LookupTally& tally, bool confirm = false);
  // Runs until all lookups have ended.
  void finish(const LookupTally& tally, Duration limit);

  KademliaNode* node(std::size_t number) const;
  std::vector<KademliaNode*> nodes() const;
  World& world() { return world_; }
  const SwarmSettings settings;

 private:
  static Task<void> look_up(Swarm* swarm, KademliaNode* from, Id target, bool confirm, LookupTally* tally);
  void start(Machine& machine, std::optional<Address> via);
  bool is_nearest(const Id& target, const NodeId& found) const;
  void start_flood(std::size_t identities, bool lie, std::uint64_t* shown);

  World& world_;
  Dice dice_;
  net::MemoryCredentials credentials_;  // of those who misbehave
  std::set<NodeId> dishonest_;          // they are there, and may be found
};

void measure(Run& run, const LookupTally& tally);

}  // namespace vortex::sim
