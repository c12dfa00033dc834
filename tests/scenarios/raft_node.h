// A node that hosts Raft groups and nothing else, and what such nodes promise, kept outside of their world. For
// scenarios and unit tests.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dht/groups/host.h"
#include "dht/groups/manager.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/members/directory.h"
#include "net/memory_credentials.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tests/sim/machine.h"
#include "tests/sim/program.h"
#include "tests/sim/world.h"

namespace vortex::sim {

// Everything that was decided and acknowledged anywhere. Whatever contradicts it is a violation.
class GroupModel {
 public:
  GroupModel(World& world, dht::groups::GroupId group) : world_(world), group_(group) {}

  std::uint64_t new_command() { return ++commands_; }
  // A machine applies a command at an index; what it had applied before makes the history.
  void applied(std::uint64_t index, std::uint64_t command, std::uint64_t history);
  void acknowledged(std::uint64_t index, std::uint64_t command, std::uint64_t begun_after);
  // A read that began when `seen` was acknowledged shows a state up to `index`.
  void read(std::uint64_t index, std::uint64_t seen);
  // The state at the end must hold all of them.
  const std::map<std::uint64_t, std::uint64_t>& acknowledged() const { return acknowledged_; }
  std::uint64_t last_acknowledged() const { return acknowledged_.empty() ? 0 : acknowledged_.rbegin()->first; }
  std::uint64_t reads() const { return reads_; }

 private:
  World& world_;
  const dht::groups::GroupId group_;
  std::uint64_t commands_ = 0, reads_ = 0;
  struct Decided {
    std::uint64_t command = 0, history = 0;
  };
  std::map<std::uint64_t, Decided> decided_;             // by index
  std::map<std::uint64_t, std::uint64_t> acknowledged_;  // index to command
};

// What all nodes of such a world know.
struct GroupWorld {
  World* world = nullptr;
  std::size_t nodes = 3;
  std::map<dht::groups::GroupId, std::unique_ptr<GroupModel>> models;
  std::size_t checkpoint_bytes = 64 * kKiB;
  std::size_t padding = 200;  // bytes that commands carry at the most
  bool clients = false;       // every node proposes and reads where it leads
  bool managed = false;       // every node has a manager; the first one makes the groups
  bool created = false;
  bool quiet = false;  // clients rest
  Duration evict_after = seconds(20);

  net::Identity identity(std::size_t number) const;
  // Made once: a key costs as much as a thousand events.
  NodeId id(std::size_t number) const;
  std::optional<Address> address_of(const NodeId& id) const;
  GroupModel& model(dht::groups::GroupId group);
  mutable std::map<std::size_t, NodeId> ids;
};

// Remembers every command it was given, in order.
class TallyMachine final : public dht::groups::StateMachine {
 public:
  TallyMachine(Env& env, GroupModel& model) : env_(env), model_(model) {}
  std::uint32_t format() const override { return 1; }
  ByteVector apply(dht::groups::Index index, ByteView command) override;
  std::unique_ptr<dht::groups::FrozenState> freeze() override;
  void checkpointed() override {}
  Task<Status> load(wal::CheckpointReader& from) override;
  Task<Status> add_piece(std::uint32_t format, ByteVector piece) override;
  Task<Status> pieces_end() override;
  std::size_t memory_bytes() const override { return commands_.size() * 16; }
  Task<void> stop() override { co_return; }

  std::uint64_t last_index() const { return commands_.empty() ? 0 : commands_.back().first; }
  std::uint64_t history() const { return history_; }
  // The command at that index; 0 when there is none.
  std::uint64_t at(std::uint64_t index) const;

 private:
  friend class FrozenTally;
  void add(std::uint64_t index, std::uint64_t command);
  Env& env_;
  GroupModel& model_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> commands_;  // index, command
  std::uint64_t history_ = 0;
  ByteVector loading_;
};

class GroupNode final : public Program, private dht::groups::StateMachines, private dht::groups::Neighbourhood {
 public:
  GroupNode(Env& env, GroupWorld& shared, std::size_t number, std::uint64_t boot_epoch);
  ~GroupNode() override;
  Task<void> run() override;
  Task<void> stop() override;

  // Null until it has read its disk.
  dht::groups::Host* host() { return host_.get(); }
  TallyMachine* tally(dht::groups::GroupId group);

 private:
  std::unique_ptr<dht::groups::StateMachine> make(dht::groups::GroupId group, std::string directory) override;
  std::vector<NodeId> closest(dht::groups::GroupId group, std::size_t count) const override;
  dht::groups::NodeState state(const NodeId& node) const override;
  Task<void> create_groups();
  Task<void> client(dht::groups::GroupId group);
  Task<Status> propose_one(GroupModel& model, dht::groups::GroupId group);
  Task<Status> read_one(GroupModel& model, dht::groups::GroupId group);

  Env& env_;
  GroupWorld& shared_;
  const std::size_t number_;
  const std::uint64_t boot_epoch_;
  net::Dispatcher dispatcher_;
  net::MemoryCredentials credentials_;
  net::SecureHandshaker handshaker_;
  net::Switchboard board_;
  net::Peers peers_;
  net::Server server_;
  dht::Directory directory_;
  dht::Heartbeats heartbeats_;
  std::unique_ptr<dht::groups::Host> host_;
  std::unique_ptr<dht::groups::Manager> manager_;
  Instant started_{};
  Parking ending_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

// The machine's program from now on and after every restart. `shared` outlives the world.
void start_group_node(Machine& machine, GroupWorld& shared, std::size_t number);

}  // namespace vortex::sim
