// A node with all its managers, over records that lose nothing and members that the scenario decides about: so that
// what heals and what is reclaimed can be compared with every disk, on many seeds.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "node/inventory/inventory_calls.h"
#include "node/repair/copier.h"
#include "node/repair/repair_calls.h"
#include "node/upkeep/upkeep.h"
#include "tests/scenarios/storage_node.h"

namespace vortex::sim {

// Who belongs to the cluster and how they are, the same for all. Outside of the world.
class Roster {
 public:
  explicit Roster(ClusterFacts facts) : facts_(std::move(facts)) {}

  void join(std::size_t number);
  void drain(std::size_t number);
  void leave(std::size_t number);
  // Nodes whose process runs are well; others are dead after a while, and lost after a longer one.
  void look(World& world);

  bool belongs(std::size_t number) const;
  std::vector<std::size_t> members() const;
  node::HolderHealth health(const NodeId& node) const;
  const dht::Ring& ring() const { return ring_; }
  std::uint64_t changes() const { return changes_; }
  std::size_t silent() const;
  // Two nodes may take themselves for the leader of a partition: the one that is, and one that was.
  std::optional<std::size_t> leader(dht::PartitionNumber partition) const;
  bool leads(std::size_t number, dht::PartitionNumber partition) const;
  const ClusterFacts& facts() const { return facts_; }
  NodeId id(std::size_t number) const { return ids_.at(number); }
  net::Target target(const NodeId& node) const;

  static constexpr Duration kDeadAfter = seconds(1), kLostAfter = seconds(12);

 private:
  struct Seat {
    bool draining = false;
    bool gone = false;
    node::HolderHealth health = node::HolderHealth::well;
    std::optional<Duration> down_since;
  };
  void changed();
  const Seat* seat(const NodeId& node) const;

  ClusterFacts facts_;
  std::map<std::size_t, Seat> seats_;
  std::map<NodeId, std::size_t> numbers_;
  std::map<std::size_t, NodeId> ids_;
  dht::Ring ring_;
  std::uint64_t changes_ = 1;
  std::map<dht::PartitionNumber, std::size_t> leaders_, leaders_before_;
};

class RosterView final : public node::ClusterView {
 public:
  explicit RosterView(const Roster& roster) : roster_(roster) {}
  const dht::Ring& ring() override { return roster_.ring(); }
  net::Target target(const NodeId& node) override { return roster_.target(node); }
  bool dead(const NodeId& node) override { return roster_.health(node) != node::HolderHealth::well; }

 private:
  const Roster& roster_;
};

class RosterPlaces final : public node::Places {
 public:
  RosterPlaces(Env& env, const Roster& roster) : roster_(roster), full_(env.clock()) {}
  std::vector<NodeId> owners(const ChunkId& chunk, std::size_t count) override {
    return roster_.ring().owners(chunk, count);
  }
  node::HolderHealth health(const NodeId& node) const override { return roster_.health(node); }
  bool full(const NodeId& node) const override { return full_.full(node); }
  void note_full(const NodeId& node) override { full_.note(node); }
  std::vector<NodeId> all_full() const override { return full_.all(); }
  std::size_t size() override { return roster_.ring().size(); }
  std::size_t members() const override { return roster_.members().size(); }
  std::size_t silent() const override { return roster_.silent(); }
  std::uint64_t changes() const override { return roster_.changes() + full_.changes(); }

 private:
  const Roster& roster_;
  node::FullNodes full_;
};

class RosterRecords final : public node::LedRecords, public node::PartitionLeaders {
 public:
  RosterRecords(const Roster& roster, std::size_t self) : roster_(roster), self_(self) {}
  std::vector<dht::PartitionNumber> led() const override;
  const dht::Partition* state(dht::PartitionNumber partition) const override;
  std::vector<Newest> held() const override;
  std::uint32_t partitions() override { return roster_.facts().partitions->count(); }
  std::optional<NodeId> leader(dht::PartitionNumber partition) override;
  Task<Status> find_leader(dht::PartitionNumber) override { co_return Status(); }

 private:
  const Roster& roster_;
  const std::size_t self_;
};

class HealNode final : public Program {
 public:
  HealNode(Env& env, Roster& roster, std::size_t number);
  Task<void> run() override;
  Task<void> stop() override;
  // Null while it is not open.
  node::ChunkStore* store() { return managers_ ? store_.get() : nullptr; }
  node::Repair& repair() { return managers_->repair; }
  node::Upkeep& upkeep() { return managers_->upkeep; }

 private:
  struct Managers {
    Managers(Env& env, HealNode& node);
    void start();
    Task<void> stop();
    node::MemberHolders holders;
    node::Copier copier;
    node::RepairCalls calls;
    node::Repair repair;
    node::Janitor janitor;
    node::Upkeep upkeep;
    node::InventoryDesk desk;
    node::InventoryCalls inventory_calls;
    node::Inventory inventory;
  };
  Task<Status> open();
  NodeId self() const { return roster_.id(number_); }
  static node::FileServiceOptions service_options(Roster& roster, node::ChunkHolders& holders);

  Env& env_;
  Roster& roster_;
  const std::size_t number_;
  RosterView view_;
  MemberEnd end_;
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
  RosterRecords led_;
  RosterPlaces places_;
  std::unique_ptr<Managers> managers_;
  Parking ending_;
  bool stopping_ = false;
};

}  // namespace vortex::sim
