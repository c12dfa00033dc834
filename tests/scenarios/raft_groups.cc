// Raft groups on real logs and real connections under everything that can happen to a minority of machines, the loss of
// a disk included, and to all of them at once, the loss of power.
#include "base/log.h"
#include "tests/scenarios/raft_node.h"
#include "tests/sim/drive.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

using dht::groups::GroupId;
using dht::groups::GroupView;

GroupNode* node_on(World& world, std::size_t number) {
  Machine& machine = world.machine(number);
  return machine.running() && machine.program() ? &machine.as<GroupNode>() : nullptr;
}

// The view of whoever leads in the latest term and can answer reads.
std::optional<GroupView> leader_of(World& world, const GroupWorld& shared, GroupId group) {
  std::optional<GroupView> best;
  for (std::size_t number = 1; number <= shared.nodes; ++number) {
    GroupNode* node = node_on(world, number);
    if (!node || !node->host() || !node->host()->may_read_now(group)) continue;
    auto view = node->host()->view(group);
    if (view && (!best || view->term > best->term)) best = std::move(view);
  }
  return best;
}

// A leader that is handing over has no lease; it leads all the same.
bool led_everywhere(World& world, const GroupWorld& shared) {
  for (const auto& [group, model] : shared.models) {
    bool led = false;
    for (std::size_t number = 1; number <= shared.nodes && !led; ++number) {
      GroupNode* node = node_on(world, number);
      auto view = node && node->host() ? node->host()->view(group) : std::nullopt;
      led = view && view->role == dht::raft::Role::leader;
    }
    if (!led) return false;
  }
  return true;
}

// Every group has three voters, none of which lacks its replica: one disk may be lost.
bool sound(World& world, const GroupWorld& shared) {
  for (const auto& [group, model] : shared.models) {
    auto leader = leader_of(world, shared, group);
    if (!leader || leader->configuration.voters.size() != 3 || leader->configuration.joint()) return false;
    std::size_t there = 0;
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      GroupNode* node = node_on(world, number);
      auto view = node && node->host() ? node->host()->view(group) : std::nullopt;
      if (view && !view->damaged && leader->configuration.is_voter(view->self)) ++there;
    }
    if (there < 3) return false;
  }
  return true;
}

// For whoever reads of a violation.
std::string describe(World& world, const GroupWorld& shared) {
  std::string text;
  for (const auto& [group, model] : shared.models)
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      GroupNode* node = node_on(world, number);
      auto view = node && node->host() ? node->host()->view(group) : std::nullopt;
      text += "\n  group " + std::to_string(group) + " on m" + std::to_string(number) + ": ";
      if (!view) {
        text += "none";
        continue;
      }
      text += "role " + std::to_string(static_cast<int>(view->role)) + " term " + std::to_string(view->term) +
              " commit " + std::to_string(view->commit) + " applied " + std::to_string(view->applied) + " as " +
              std::to_string(view->self.generation % 1000) + (view->damaged ? " damaged" : "") + " voters";
      for (const auto* list :
           {&view->configuration.voters, &view->configuration.outgoing, &view->configuration.learners}) {
        for (const auto& member : *list) {
          for (std::size_t other = 1; other <= shared.nodes; ++other)
            if (shared.id(other) == member.node) text += " m" + std::to_string(other);
          text += ":" + std::to_string(member.generation % 1000);
        }
        text += " |";
      }
    }
  return text;
}

// Every group has three voters, and their machines hold everything that was acknowledged.
bool whole(World& world, const GroupWorld& shared) {
  for (const auto& [group, model] : shared.models) {
    auto leader = leader_of(world, shared, group);
    if (!leader || leader->configuration.voters.size() != 3 || leader->configuration.joint()) return false;
    std::size_t holding = 0;
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      GroupNode* node = node_on(world, number);
      TallyMachine* tally = node ? node->tally(group) : nullptr;
      if (!tally || tally->last_index() < model->last_acknowledged()) continue;
      if (leader->configuration.is_voter(node->host()->view(group)->self)) ++holding;
    }
    if (holding < 3) return false;
  }
  return true;
}

void check_everything(Run& run, World& world, const GroupWorld& shared) {
  for (const auto& [group, model] : shared.models) {
    auto leader = leader_of(world, shared, group);
    if (!run.expect(leader.has_value(), Verdict::liveness, "group " + std::to_string(group) + " has no leader")) return;
    for (std::size_t number = 1; number <= shared.nodes; ++number) {
      GroupNode* node = node_on(world, number);
      auto view = node && node->host() ? node->host()->view(group) : std::nullopt;
      TallyMachine* tally = node ? node->tally(group) : nullptr;
      if (!view || !tally || !leader->configuration.is_voter(view->self)) continue;
      for (const auto& [index, command] : model->acknowledged())
        if (!run.expect(index > tally->last_index() || tally->at(index) == command, Verdict::safety,
                        "an acknowledged command is lost"))
          return;
    }
  }
}

// Loses or hurts the disk of one machine; only called while all groups are sound.
void hurt_one(World& world, const GroupWorld& shared, Dice& dice) {
  Machine& machine = world.machine(dice.between(1, shared.nodes));
  if (dice.one_in(2)) {
    machine.lose_disk();
  } else {
    machine.kill();
    machine.drive().flip_bits(3);
  }
  if (!machine.running()) machine.start();
}

// The machines use what the scenario knows, and the world outlives it.
struct Stopped {
  World& world;
  ~Stopped() {
    for (std::size_t number = 1; number <= world.machines(); ++number) world.machine(number).kill();
  }
};

void power_cut_everywhere(Run& run, World& world, const GroupWorld& shared) {
  for (std::size_t number = 1; number <= shared.nodes; ++number) world.machine(number).power_cut();
  for (std::size_t number = 1; number <= shared.nodes; ++number)
    if (!world.machine(number).running()) world.machine(number).start();
  world.run_until([&] { return whole(world, shared); }, seconds(30));
  run.expect(led_everywhere(world, shared), Verdict::liveness,
             "no leader after everybody lost power" + describe(world, shared));
  check_everything(run, world, shared);
}

void raft_groups(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.3;
  options.log_level = LogLevel::error;
  GroupWorld shared;
  World& world = run.make_world(options);
  Dice dice = world.dice("raft-groups");
  Stopped stopped{world};
  shared.world = &world;
  shared.nodes = dice.between(3, 5);
  shared.clients = shared.managed = true;
  shared.checkpoint_bytes = dice.one_in(2) ? 8 * kKiB : 64 * kKiB;
  shared.padding = dice.between(10, 2000);
  for (GroupId group = 1, count = static_cast<GroupId>(dice.between(1, 4)); group <= count; ++group)
    (void)shared.model(group);
  NemesisOptions nemesis;
  nemesis.down_max = 1;
  nemesis.pause = 3;
  nemesis.clock_rate = 2;
  for (std::size_t number = 1; number <= shared.nodes; ++number) {
    Machine& machine = world.add_machine();
    machine.keep_running(milliseconds(300));
    start_group_node(machine, shared, number);
    nemesis.machines.push_back(machine.name());
  }
  world.run_until([&] { return sound(world, shared); }, seconds(60));
  if (!run.expect(sound(world, shared), Verdict::liveness,
                  "the groups did not spread over the machines" + describe(world, shared)))
    return;

  bool hurting = true;
  std::uint64_t hurt = 0;
  world.every(seconds(2), [&] {
    if (!hurting || !dice.one_in(2) || !sound(world, shared)) return;
    ++hurt;
    hurt_one(world, shared, dice);
  });
  run.unleash(nemesis);
  world.run_for(seconds(40));
  hurting = false;
  run.calm();
  for (std::size_t number = 1; number <= shared.nodes; ++number)
    if (!world.machine(number).running()) world.machine(number).start();
  world.run_until([&] { return led_everywhere(world, shared); }, seconds(10));
  run.expect(led_everywhere(world, shared), Verdict::liveness,
             "a group has no leader 10 s after the faults ended" + describe(world, shared));
  std::vector<std::uint64_t> before;
  for (const auto& [group, model] : shared.models) before.push_back(model->last_acknowledged());
  world.run_for(seconds(5));
  std::size_t i = 0;
  for (const auto& [group, model] : shared.models)
    run.expect(model->last_acknowledged() > before[i++], Verdict::liveness,
               "a group takes nothing though all is well" + describe(world, shared));
  shared.quiet = true;
  world.run_until([&] { return whole(world, shared); }, seconds(60));
  run.expect(whole(world, shared), Verdict::liveness,
             "the groups did not become whole again" + describe(world, shared));
  check_everything(run, world, shared);

  power_cut_everywhere(run, world, shared);
  for (const auto& [group, model] : shared.models) {
    run.measure("commands", model->acknowledged().size());
    run.measure("reads", model->reads());
  }
  run.measure("disks hurt", hurt);
}

const Registration registration("raft-groups",
                                "what groups acknowledged stays, whatever happens to a minority of disks", raft_groups);

}  // namespace

}  // namespace vortex::sim
