// The client side of records and its transactions over partitions in memory: the network loses, delays and doubles, and
// clients die in the middle of whatever they do.
#include "dht/partition/limits.h"
#include "dht/records_client/records_client.h"
#include "tests/scenarios/killed_at_end.h"
#include "tests/scenarios/records_workload.h"
#include "tests/sim/scenario.h"
#include "tests/support/local_port.h"

namespace vortex::sim {

namespace {

class LocalClient final : public Program {
 public:
  LocalClient(Env& env, dht::LocalNetwork& network, dht::LocalPortOptions options, RecordsWorkload& workload)
      : port_(env, network, options),
        client_(env, port_, patient()),
        env_(env),
        workload_(workload),
        ending_(env.loop()),
        tasks_(env.loop()) {}

  Task<void> run() override {
    for (int i = 0; i < 2; ++i) tasks_.spawn(workload_.client(env_, client_));
    tasks_.spawn(workload_.teller(env_, client_));
    co_await ending_.park();
    co_await tasks_.stop();
    co_await client_.stop();
  }
  Task<void> stop() override {
    ending_.wake();
    co_return;
  }

 private:
  static dht::RecordsClientOptions patient() {
    dht::RecordsClientOptions options;
    options.patience = milliseconds(500);
    return options;
  }
  dht::LocalPort port_;
  dht::RecordsClient client_;
  Env& env_;
  RecordsWorkload& workload_;
  Parking ending_;
  TaskGroup tasks_;
};

// More sessions are opened than a partition remembers, so those of all clients are forgotten in the middle of whatever
// they do.
void forget_sessions(dht::LocalNetwork& network, Dice& dice) {
  dht::Command open;
  open.kind = dht::CommandKind::open_session;
  for (dht::PartitionNumber partition = 0; partition < network.partitions().count(); ++partition) {
    if (dice.one_in(2)) continue;
    for (std::size_t i = 0; i < dht::kSessionsMax; ++i) (void)network.apply(partition, open);
  }
}

void records_local(Run& run) {
  World& world = run.make_world(WorldOptions());
  Dice dice = world.dice("records");
  dht::LocalPartitions partitions(std::uint32_t(1) << dice.between(1, 4));
  World* outside = &world;
  dht::LocalNetwork network(partitions, [outside](Duration delay, UniqueFunction<void()> action) {
    outside->after(delay, std::move(action));
  });
  RecordsWorkload workload(world, RecordsPlan());
  std::optional<Status> audited;
  KilledAtEnd killed(world);
  dht::LocalPortOptions bad;
  bad.refused = bad.answer_lost = bad.late = bad.doubled = dice.one_in(3) ? 0.15 : 0.02;
  NemesisOptions nemesis;
  nemesis.power_cut = nemesis.stop = nemesis.restart = 0;
  nemesis.partition = nemesis.cut = nemesis.clog = nemesis.slow_link = nemesis.reset = nemesis.silence = 0;
  nemesis.bad_network = nemesis.disk_slow = nemesis.disk_hang = nemesis.disk_full = nemesis.wall_jump = 0;
  nemesis.down_max = 3;
  auto start = [&](Machine& machine, dht::LocalPortOptions options) {
    machine.start([&network, &workload, options](Env& env) -> std::unique_ptr<Program> {
      return std::make_unique<LocalClient>(env, network, options, workload);
    });
  };
  for (int i = 0; i < 3; ++i) {
    Machine& machine = world.add_machine();
    machine.keep_running(milliseconds(200));
    start(machine, bad);
    nemesis.machines.push_back(machine.name());
  }
  world.run_for(seconds(1));
  run.unleash(nemesis);
  const bool forgetful = dice.one_in(2);
  for (int i = 0; i < 20; ++i) {
    world.run_for(seconds(1));
    if (forgetful && dice.one_in(8)) forget_sessions(network, dice);
  }
  run.calm();
  world.run_for(seconds(4));
  for (std::size_t number = 1; number <= 3; ++number) world.machine(number).kill();
  world.run_for(seconds(4));

  // What dead clients left is settled by whoever comes.
  Machine& last = world.add_machine("auditor");
  auto audit = [](Env& env, dht::LocalNetwork* through, RecordsWorkload* what,
                  std::optional<Status>* into) -> Task<void> {
    dht::LocalPort port(env, *through);
    dht::RecordsClient client(env, port);
    Status status = co_await what->read_all(env, client, seconds(30));
    if (status.ok()) status = co_await what->audit(env, client, seconds(30));
    co_await client.stop();
    into->emplace(std::move(status));
  };
  last.start(program(audit, &network, &workload, &audited));
  world.run_until([&audited] { return audited.has_value(); }, seconds(90));
  run.expect(audited && audited->ok(), Verdict::liveness, "records cannot be read after everything has calmed down");
  workload.check();
  run.expect(workload.done > 100 && workload.transfers > 10 && workload.audits > 0, Verdict::liveness,
             "hardly anything was done");
  run.measure("commits", workload.done);
  run.measure("unknown", workload.unknown);
  run.measure("transfers", workload.transfers);
}

const Registration registration("records-local", "records over partitions in memory, while clients die in transactions",
                                records_local);

}  // namespace

}  // namespace vortex::sim
