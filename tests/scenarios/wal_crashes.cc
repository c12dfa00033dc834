// Logs under everything that can happen to a machine but damage at rest.
#include "tests/scenarios/wal_workload.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

using wal::test::Workload;
using wal::test::WorkloadOptions;

void wal_crashes(Run& run) {
  WorldOptions options;
  options.log_level = LogLevel::error;
  options.drive.sector = run.seed() % 3 == 0 ? 4096 : 512;
  World& world = run.make_world(options);
  Dice dice = world.dice("wal");
  std::size_t count = dice.between(1, 3);
  std::vector<std::shared_ptr<Workload>> workloads;  // the machines, which live longer, hold them too
  NemesisOptions nemesis;
  nemesis.pause_min = milliseconds(2);
  nemesis.pause_max = milliseconds(60);
  nemesis.lasts_min = milliseconds(1);
  nemesis.lasts_max = milliseconds(100);
  nemesis.down_max = count;
  nemesis.power_cut = 6;
  for (std::size_t i = 0; i < count; ++i) {
    WorkloadOptions setup;
    setup.owners = dice.between(1, 8);
    setup.writers = dice.between(1, 12);
    setup.records_max = dice.between(1, 8);
    setup.bytes_max = dice.one_in(3) ? 200 : 10'000 / setup.records_max;
    setup.faulty = true;
    auto workload = std::make_shared<Workload>(world, setup);
    workloads.push_back(workload);
    Machine& machine = world.add_machine();
    machine.on_exit([workload] { workload->crashed(); });
    machine.keep_running(milliseconds(3));
    machine.start([workload](Env& env) { return workload->program()(env); });
    nemesis.machines.push_back(machine.name());
  }
  run.unleash(nemesis);
  for (int i = 0; i < 8; ++i) {
    world.run_for(milliseconds(100));
    for (const auto& workload : workloads)
      run.expect(workload->complaint().empty(), Verdict::safety, workload->complaint());
  }
  run.calm();
  std::vector<std::uint64_t> before;
  for (const auto& workload : workloads) before.push_back(workload->model().batches());
  world.run_for(milliseconds(400));
  for (std::size_t i = 0; i < count; ++i) {
    run.expect(workloads[i]->complaint().empty(), Verdict::safety, workloads[i]->complaint());
    run.expect(workloads[i]->model().batches() > before[i], Verdict::liveness,
               "a log takes nothing though all is well");
    run.measure("batches", workloads[i]->model().batches());
    run.measure("starts", workloads[i]->opens());
    run.measure("torn tails", workloads[i]->torn());
  }
}

const Registration registration("wal", "what a log acknowledged survives, in order and whole", wal_crashes);

}  // namespace

}  // namespace vortex::sim
