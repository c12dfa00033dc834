// The host of Raft groups in a simulated world: real logs, real connections.
#include "base/endian.h"
#include "tests/scenarios/raft_node.h"
#include "tests/sim/drive.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;
using namespace vortex::dht;
using groups::GroupId;

namespace {

constexpr GroupId kGroup = 7;

// Machines 1 to `nodes`; the group begins on the first.
struct Rig {
  explicit Rig(std::uint64_t seed, std::size_t nodes = 3, std::size_t checkpoint_bytes = 64 * kKiB) : world(seed) {
    shared.checkpoint_bytes = checkpoint_bytes;
    shared.world = &world;
    shared.nodes = nodes;
    shared.model(kGroup);
    for (std::size_t number = 1; number <= nodes; ++number) start_group_node(world.add_machine(), shared, number);
    REQUIRE(world.run_until([this] { return ready(); }, seconds(10)));
    auto body = [](Env&, groups::Host& host) -> Task<Status> {
      std::vector<GroupId> ids(1, kGroup);
      co_return co_await host.create(std::move(ids));
    };
    REQUIRE(world.run(world.machine(1), body, *host(1)).ok());
    REQUIRE(world.run_until([this] { return leader() == 1; }, seconds(10)));
  }
  ~Rig() {
    for (std::size_t number = 1; number <= shared.nodes; ++number) world.machine(number).kill();
  }

  GroupNode* node(std::size_t number) {
    Machine& machine = world.machine(number);
    return machine.running() ? &machine.as<GroupNode>() : nullptr;
  }
  groups::Host* host(std::size_t number) { return node(number) ? node(number)->host() : nullptr; }
  bool ready() {
    for (std::size_t number = 1; number <= shared.nodes; ++number)
      if (!host(number)) return false;
    return true;
  }
  // The machine that leads in the latest term; 0 when none does.
  std::size_t leader() {
    std::size_t best = 0;
    raft::Term term = 0;
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      if (!host(number)) continue;
      auto view = host(number)->view(kGroup);
      if (view && view->role == raft::Role::leader && view->term > term && host(number)->may_read_now(kGroup)) {
        best = number;
        term = view->term;
      }
    }
    return best;
  }
  Status add_learner(std::size_t to) {
    auto body = [](Env& env, groups::Host& on, NodeId node) -> Task<Status> {
      co_return co_await on.add_learner(kGroup, node, env.now() + seconds(5));
    };
    std::size_t from = leader();
    return world.run(world.machine(from), body, *host(from), shared.id(to));
  }
  Status make_voters() {
    auto body = [](Env& env, groups::Host& on) -> Task<Status> {
      raft::Configuration target;
      target.voters = on.view(kGroup)->configuration.members();
      co_return co_await on.change(kGroup, std::move(target), env.now() + seconds(5));
    };
    std::size_t from = leader();
    return world.run(world.machine(from), body, *host(from));
  }
  void grow() {
    for (std::size_t number = 2; number <= shared.nodes; ++number) REQUIRE(add_learner(number).ok());
    REQUIRE(make_voters().ok());
  }
  Status propose(std::size_t on, std::size_t padding = 0) {
    auto body = [](Env& env, groups::Host& to, GroupModel& model, std::size_t more) -> Task<Status> {
      std::uint64_t command = model.new_command();
      ByteVector bytes(8 + more);
      store_le(bytes.data(), command);
      std::uint64_t before = model.last_acknowledged();
      auto answer = co_await to.propose(kGroup, std::move(bytes), env.now() + seconds(5));
      if (!answer.ok()) co_return answer.error();
      model.acknowledged(load_le<std::uint64_t>(answer->data()), command, before);
      co_return Status();
    };
    return world.run(world.machine(on), body, *host(on), shared.model(kGroup), padding);
  }
  bool all_caught_up() {
    std::uint64_t last = shared.model(kGroup).last_acknowledged();
    for (std::size_t number = 1; number <= shared.nodes; ++number)
      if (!node(number) || !node(number)->tally(kGroup) || node(number)->tally(kGroup)->last_index() < last)
        return false;
    return true;
  }

  GroupWorld shared;
  World world;
};

}  // namespace

TEST_CASE("a group grows from one node to three, loses its leader, and goes on") {
  Rig rig(1);
  REQUIRE(rig.propose(1).ok());
  rig.grow();
  for (int i = 0; i < 20; ++i) REQUIRE(rig.propose(1).ok());
  EXPECT(rig.world.run_until([&rig] { return rig.all_caught_up(); }, seconds(5)));
  rig.world.machine(1).kill();
  REQUIRE(rig.world.run_until([&rig] { return rig.leader() > 1; }, seconds(5)));
  std::size_t second = rig.leader();
  REQUIRE(rig.propose(second).ok());
  rig.world.machine(1).start();
  EXPECT(rig.world.run_until([&rig] { return rig.all_caught_up(); }, seconds(10)));
}

namespace {
constexpr GroupId kOther = 8;

// No further segment of the log can be made.
void fill_disk(Machine& machine) {
  DiskFault fault;
  fault.effect = DiskEffect::no_space;
  fault.op = DiskOp::allocate;
  fault.path = "wal/";
  fault.count = 1'000'000'000;
  machine.drive().fail(fault);
}

// Turns a bit in the first record of the owner in the log's first segment.
bool damage_first_record(Machine& machine, std::uint64_t owner) {
  const std::string path = "meta/wal/000000.wal";
  auto bytes = machine.drive().peek(path);
  if (!bytes.ok()) return false;
  for (std::size_t at = 0; at + 48 <= bytes->size(); at += 8) {
    const std::uint8_t* header = bytes->data() + at;
    if (load_le<std::uint64_t>(header + 8) != owner || load_le<std::uint64_t>(header + 16) != 1 || header[6] != 1)
      continue;
    return machine.drive().flip_bit(path, at + 41, 1).ok();
  }
  return false;
}
}  // namespace

TEST_CASE("a node refuses the metadata of another node, and leaves it as it is") {
  Rig rig(1, 1);
  REQUIRE(rig.propose(1).ok());
  rig.world.machine(1).kill();
  start_group_node(rig.world.machine(1), rig.shared, 2);
  rig.world.run_for(seconds(2));
  EXPECT(rig.world.machine(1).fail_stop_reason().find("another node") != std::string::npos);
  rig.world.machine(1).kill();
  start_group_node(rig.world.machine(1), rig.shared, 1);
  REQUIRE(rig.world.run_until([&rig] { return rig.leader() == 1; }, seconds(10)));
  EXPECT(rig.propose(1).ok());
}

TEST_CASE("a log that cannot grow is cut by its groups, and they go on") {
  Rig rig(1, 1, 64 * kMiB);
  fill_disk(rig.world.machine(1));
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    REQUIRE(rig.propose(1, 16 * kKiB).ok());
  }
}

TEST_CASE("a damaged replica's part of the log does not keep the others from writing, and it stays damaged") {
  Rig rig(1, 1, 64 * kMiB);
  rig.shared.model(kOther);
  auto create = [](Env&, groups::Host& host) -> Task<Status> {
    std::vector<GroupId> ids(1, kOther);
    co_return co_await host.create(std::move(ids));
  };
  REQUIRE(rig.world.run(rig.world.machine(1), create, *rig.host(1)).ok());
  REQUIRE(rig.propose(1).ok());
  rig.world.machine(1).kill();
  REQUIRE(damage_first_record(rig.world.machine(1), kOther + 1));
  for (int start = 0; start < 2; ++start) {
    CAPTURE(start);
    rig.world.machine(1).start();
    REQUIRE(rig.world.run_until([&rig] { return rig.leader() == 1; }, seconds(10)));
    REQUIRE(rig.host(1)->view(kOther).has_value());
    EXPECT(rig.host(1)->view(kOther)->damaged);
    fill_disk(rig.world.machine(1));
    for (int i = 0; i < 300; ++i) REQUIRE(rig.propose(1, 16 * kKiB).ok());
    rig.world.machine(1).drive().clear_faults();
    rig.world.machine(1).kill();
  }
}

namespace {
// The members are those on these machines from now on; all of them have replicas.
Status change_to(Rig& rig, const std::vector<std::size_t>& numbers) {
  auto body = [](Env& env, groups::Host& on, std::set<NodeId> nodes) -> Task<Status> {
    raft::Configuration target;
    for (const raft::Replica& member : on.view(kGroup)->configuration.members())
      if (nodes.contains(member.node)) target.voters.push_back(member);
    co_return co_await on.change(kGroup, std::move(target), env.now() + seconds(5));
  };
  std::set<NodeId> nodes;
  for (std::size_t number : numbers) nodes.insert(rig.shared.id(number));
  const std::size_t from = rig.leader();
  return rig.world.run(rig.world.machine(from), body, *rig.host(from), nodes);
}

// The group moves to machines 2 and 4, led by 4, while machine 3 is down and believes that it is on 1, 2 and 3.
void leave_out_third(Rig& rig) {
  REQUIRE(rig.propose(1).ok());
  REQUIRE(rig.add_learner(2).ok());
  REQUIRE(rig.add_learner(3).ok());
  REQUIRE(change_to(rig, {1, 2, 3}).ok());
  REQUIRE(rig.world.run_until([&rig] { return rig.node(3)->tally(kGroup)->last_index() > 0; }, seconds(5)));
  rig.world.machine(3).kill();
  REQUIRE(change_to(rig, {1, 2}).ok());
  REQUIRE(rig.add_learner(4).ok());
  REQUIRE(change_to(rig, {1, 2, 4}).ok());
  auto hand_over = [](Env& env, groups::Host& on, NodeId to) -> Task<Status> {
    co_return co_await on.transfer(kGroup, to, env.now() + seconds(5));
  };
  REQUIRE(rig.world.run(rig.world.machine(1), hand_over, *rig.host(1), rig.shared.id(4)).ok());
  REQUIRE(rig.world.run_until([&rig] { return rig.leader() == 4; }, seconds(5)));
  REQUIRE(change_to(rig, {2, 4}).ok());
}

std::size_t directories_of_replicas(Machine& machine, World& world) {
  auto body = [](Env& env) -> Task<Result<std::vector<DirectoryEntry>>> {
    co_return co_await env.disk().list("meta/ck");
  };
  auto entries = world.run(machine, body);
  return entries.ok() ? entries->size() : 1000;
}
}  // namespace

TEST_CASE("a replica that was left out by members that are gone themselves is told so, and leaves nothing behind") {
  Rig rig(1, 4);
  leave_out_third(rig);
  rig.world.machine(3).start();
  REQUIRE(rig.world.run_until([&rig] { return rig.host(3) != nullptr; }, seconds(5)));
  rig.world.run_for(seconds(10));
  REQUIRE(rig.host(3)->view(kGroup).has_value());
  rig.host(3)->ask_for_dismissal(kGroup, rig.shared.id(4));
  rig.world.run_for(seconds(3));
  EXPECT(!rig.host(3)->view(kGroup).has_value());
  EXPECT_EQ(directories_of_replicas(rig.world.machine(3), rig.world), 0);
}

TEST_CASE("a damaged replica that the group has replaced goes as well") {
  Rig rig(2, 4);
  leave_out_third(rig);
  REQUIRE(damage_first_record(rig.world.machine(3), kGroup + 1));
  rig.world.machine(3).start();
  REQUIRE(rig.world.run_until([&rig] { return rig.host(3) != nullptr; }, seconds(5)));
  REQUIRE(rig.host(3)->view(kGroup).has_value());
  EXPECT(rig.host(3)->view(kGroup)->damaged);
  rig.world.run_for(seconds(2));
  rig.host(3)->ask_for_dismissal(kGroup, rig.shared.id(4));
  rig.world.run_for(seconds(3));
  EXPECT(!rig.host(3)->view(kGroup).has_value());
  EXPECT_EQ(directories_of_replicas(rig.world.machine(3), rig.world), 0);
}
