// Records, whole: partitions as Raft groups on nodes with real logs and heartbeats, clients that do everything at once,
// and faults of every kind. The history must be linearizable and the bank must have its money.
#include "tests/scenarios/killed_at_end.h"
#include "tests/scenarios/records_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

void start_nodes(World& world, RecordsWorld& shared) {
  // Everybody knows everybody's address.
  for (std::size_t number = 1; number <= shared.nodes; ++number) world.add_machine();
  for (std::size_t number = 1; number <= shared.nodes; ++number) {
    Machine& machine = world.machine(number);
    machine.keep_running(milliseconds(300));
    RecordsWorld* all = &shared;
    machine.start([&machine, all, number](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<RecordsNode>(env, *all, number, machine.processes() + 1);
    });
  }
}

// The partition has a leader and three voters, none of which lacks its replica: one disk may be lost.
bool sound(World& world, const RecordsWorld& shared, std::uint32_t partition) {
  auto view_on = [&](std::size_t number) -> std::optional<dht::groups::GroupView> {
    Machine& machine = world.machine(number);
    if (!machine.running() || !machine.program() || !machine.as<RecordsNode>().host()) return std::nullopt;
    return machine.as<RecordsNode>().host()->view(partition);
  };
  std::optional<dht::groups::GroupView> leader;
  for (std::size_t number = 1; number <= shared.nodes; ++number) {
    auto view = view_on(number);
    if (!view || view->role != dht::raft::Role::leader || (leader && leader->term > view->term)) continue;
    if (world.machine(number).as<RecordsNode>().host()->may_read_now(partition)) leader = std::move(view);
  }
  if (!leader || leader->configuration.voters.size() != 3 || leader->configuration.joint()) return false;
  std::size_t there = 0;
  for (std::size_t number = 1; number <= shared.nodes; ++number) {
    auto view = view_on(number);
    there += view && !view->damaged && leader->configuration.is_voter(view->self);
  }
  return there == 3;
}

bool all_sound(World& world, const RecordsWorld& shared) {
  for (std::uint32_t partition = 0; partition < shared.partitions; ++partition)
    if (!sound(world, shared, partition)) return false;
  return true;
}

// Faults for so long; now and then, when nothing is missing, a disk is lost.
std::size_t lose_disks(World& world, const RecordsWorld& shared, Dice& dice, Duration time) {
  std::size_t lost = 0;
  for (const Duration end = world.now() + time; world.now() < end; world.run_for(milliseconds(200))) {
    if (!dice.one_in(10) || !all_sound(world, shared)) continue;
    Machine& machine = world.machine(dice.between(1, shared.nodes));
    machine.lose_disk();
    if (!machine.running()) machine.start();
    ++lost;
  }
  return lost;
}

// All of it outlives the auditor, who may not come to an end.
void read_and_audit(Run& run, World& world, RecordsWorld& shared, RecordsWorkload& workload,
                    std::optional<Status>& audited) {
  auto audit = [](Env& env, RecordsWorld* all, RecordsWorkload* what, std::optional<Status>* into) -> Task<void> {
    RecordsUser user(env, *all, 99, *what);
    Status status = co_await what->read_all(env, user.records(), seconds(60));
    if (status.ok()) status = co_await what->audit(env, user.records(), seconds(60));
    co_await user.finish();
    into->emplace(std::move(status));
  };
  Machine& last = world.add_machine("auditor");
  last.start(program(audit, &shared, &workload, &audited));
  world.run_until([&audited] { return audited.has_value(); }, seconds(120));
  std::string why = "records cannot be read after everything has calmed down";
  if (audited && !audited->ok()) why += ": " + audited->error().to_string();
  run.expect(audited && audited->ok(), Verdict::liveness, why);
}

void records_on(Run& run, bool moving) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.25;
  World& world = run.make_world(options);
  Dice dice = world.dice("records");
  RecordsWorld shared;
  shared.world = &world;
  shared.partitions = std::uint32_t(1) << dice.between(0, 3);
  shared.managed = moving;
  if (moving) shared.nodes = 5;
  // Full again and again; or only where the disk is.
  if (dice.one_in(3)) shared.short_log = dice.one_in(2) ? 3 : 64;
  RecordsPlan plan;
  plan.timeout = seconds(8);
  RecordsWorkload workload(world, plan);
  std::optional<Status> audited;
  KilledAtEnd killed(world);
  start_nodes(world, shared);
  auto grown = [&] { return moving ? all_sound(world, shared) : shared.grown.size() == shared.partitions; };
  run.expect(world.run_until(grown, seconds(60)), Verdict::liveness, "the groups did not grow");

  NemesisOptions nemesis;
  nemesis.clock_rate = 1;
  if (shared.short_log != 0) nemesis.disk_full = 4;
  for (std::size_t number = 1; number <= shared.nodes; ++number)
    nemesis.machines.push_back(world.machine(number).name());
  for (std::size_t number = 1; number <= 3; ++number) {
    Machine& machine = world.add_machine("user" + std::to_string(number));
    machine.keep_running(milliseconds(500));
    RecordsWorld* all = &shared;
    RecordsWorkload* work = &workload;
    machine.start([all, number, work](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<RecordsUser>(env, *all, number, *work);
    });
    nemesis.machines.push_back(machine.name());
  }
  world.run_for(seconds(2));
  run.unleash(nemesis);
  std::size_t disks = 0;
  if (moving) {
    disks = lose_disks(world, shared, dice, seconds(20));
  } else {
    world.run_for(seconds(20));
  }
  run.calm();
  world.run_for(seconds(10));
  const std::uint64_t before = workload.done;
  world.run_for(seconds(10));
  run.expect(workload.done > before + 10, Verdict::liveness, "nothing goes on though nothing is wrong any more");

  // What dead clients left is settled by whoever comes.
  for (std::size_t number = 1; number <= 3; ++number) world.find_machine("user" + std::to_string(number))->kill();
  read_and_audit(run, world, shared, workload, audited);
  workload.check();
  run.expect(workload.done > 50 && workload.transfers > 5, Verdict::liveness, "hardly anything was done");
  run.measure("commits", workload.done);
  run.measure("unknown", workload.unknown);
  run.measure("transfers", workload.transfers);
  run.measure("reads", workload.reads);
  if (moving) run.measure("disks lost", disks);
}

void records(Run& run) { records_on(run, false); }
void records_moving(Run& run) { records_on(run, true); }

const Registration registration("records",
                                "records are linearizable whatever happens to nodes, networks, disks and clocks",
                                records);
const Registration moving_registration("records-moving",
                                       "the same while partitions move among five nodes and disks are lost",
                                       records_moving);

}  // namespace

}  // namespace vortex::sim
