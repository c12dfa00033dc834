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

void records(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.buggify_sites = 0.25;
  World& world = run.make_world(options);
  Dice dice = world.dice("records");
  RecordsWorld shared;
  shared.world = &world;
  shared.partitions = std::uint32_t(1) << dice.between(0, 3);
  // Full again and again; or only where the disk is.
  if (dice.one_in(3)) shared.short_log = dice.one_in(2) ? 3 : 64;
  RecordsPlan plan;
  plan.timeout = seconds(8);
  RecordsWorkload workload(world, plan);
  std::optional<Status> audited;
  KilledAtEnd killed(world);
  start_nodes(world, shared);
  auto grown = [&shared] { return shared.grown.size() == shared.partitions; };
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
  world.run_for(seconds(20));
  run.calm();
  world.run_for(seconds(10));
  const std::uint64_t before = workload.done;
  world.run_for(seconds(10));
  run.expect(workload.done > before + 10, Verdict::liveness, "nothing goes on though nothing is wrong any more");

  // What dead clients left is settled by whoever comes.
  for (std::size_t number = 1; number <= 3; ++number) world.find_machine("user" + std::to_string(number))->kill();
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
  workload.check();
  run.expect(workload.done > 50 && workload.transfers > 5, Verdict::liveness, "hardly anything was done");
  run.measure("commits", workload.done);
  run.measure("unknown", workload.unknown);
  run.measure("transfers", workload.transfers);
  run.measure("reads", workload.reads);
}

const Registration registration("records",
                                "records are linearizable whatever happens to nodes, networks, disks and clocks",
                                records);

}  // namespace

}  // namespace vortex::sim
