// Clients that connect, call, cancel and disconnect without end, in every way and at every moment, while everything
// around them fails. When it is over nothing may be left: no connection, no timer, no waiting coroutine.
#include "base/deadline.h"
#include "tests/scenarios/rpc_node.h"
#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr std::size_t kWorkers = 6;
constexpr Duration kServeFor = milliseconds(30);
constexpr Duration kConnectWithin = seconds(2);
constexpr Duration kChurnFor = seconds(8);
constexpr std::uint64_t kServedEnough = 100;
constexpr Duration kServeWithin = seconds(60);
// Longer than net keeps idle connections and believes in silent peers.
constexpr Duration kSettle = seconds(150);

// What the clients of all machines did. It lives in the scenario.
struct Count {
  std::uint64_t cycles = 0, answered = 0, failed = 0, abandoned = 0;
};

struct Setting {
  World* world;
  std::uint32_t number;
  RpcSettings rpc;
  std::vector<net::Target> servers;
  Count* count;
};

class Echoer final : public Program {
 public:
  Echoer(Env& env, const Setting& setting)
      : node_(env, *setting.world, setting.number, setting.rpc), ending_(env.loop()) {}
  Task<void> run() override {
    Status listening = node_.listen();
    CHECK_MSG(listening.ok(), listening.error().to_string());
    co_await ending_.park();
    co_await node_.stop();
  }
  Task<void> stop() override {
    ending_.wake();
    co_return;
  }

 private:
  RpcNode node_;
  Parking ending_;
};

class Churner final : public Program {
 public:
  Churner(Env& env, const Setting& setting)
      : env_(env),
        setting_(setting),
        node_(env, *setting.world, setting.number, setting.rpc),
        ending_(env.loop()),
        workers_(env.loop()) {}

  Task<void> run() override {
    for (std::size_t i = 0; i < kWorkers; ++i) workers_.spawn(work());
    co_await ending_.park();
    co_await workers_.stop();
    co_await node_.stop();
    quiet_ = true;
    // What is left now is seen by the scenario.
    co_await ending_.park();
  }
  Task<void> stop() override {
    ending_.wake();
    co_return;
  }
  bool quiet() const { return quiet_; }

 private:
  Task<void> work() {
    while (true) {
      bool shared = env_.random().below(3) == 0;
      if (shared) {
        co_await call_by_name();
      } else {
        Status ended = co_await whole_cycle();
        if (ended.is(Code::cancelled)) co_return;
      }
      ++setting_.count->cycles;
      Status slept = co_await sleep_for(env_, microseconds(env_.random().below(3000)));
      if (!slept.ok()) co_return;
    }
  }

  const net::Target& any_server() { return setting_.servers[env_.random().below(setting_.servers.size())]; }

  // By the shared pool of connections, which is now and then told to drop one.
  Task<void> call_by_name() {
    net::Target server = any_server();
    if (env_.random().below(20) == 0) node_.peers.close(server.id, Error(Code::failed, "for a test"));
    net::CallOptions options(milliseconds(1 + env_.random().below(200)));
    auto result = co_await node_.peers.call<net::Echo>(server, echo_request(env_.random().below(500)), options);
    ++(result.ok() ? setting_.count->answered : setting_.count->failed);
  }

  // A connection of its own, which is given up at any moment.
  Task<Status> whole_cycle() {
    net::Target server = any_server();
    auto dialling = env_.network().connect(server.address);
    CO_ASSIGN_OR_RETURN(auto connection,
                        co_await with_timeout<std::unique_ptr<Connection>>(env_, kConnectWithin, std::move(dialling)));
    bool hasty = env_.random().below(10) == 0;
    Duration patience = hasty ? microseconds(env_.random().below(2000)) : kConnectWithin;
    auto greeting = node_.handshaker.as_client(std::move(connection), server.id, net::Purpose::control);
    CO_ASSIGN_OR_RETURN(auto secured, co_await with_timeout<net::Secured>(env_, patience, std::move(greeting)));
    net::Channel channel(node_.board, std::move(secured));
    TaskGroup running(env_.loop()), calls(env_.loop());
    running.spawn(channel.run());
    std::uint64_t wanted = env_.random().below(5);
    for (std::uint64_t i = 0; i < wanted; ++i) calls.spawn(call(channel));
    bool patient = env_.random().below(2) == 0;
    if (patient) {
      co_await calls.join();
    } else {
      Status slept = co_await sleep_for(env_, microseconds(env_.random().below(20'000)));
    }
    bool polite = env_.random().below(2) == 0;
    if (polite) channel.close(Error(Code::closed, "that was all"));
    co_await calls.stop();
    co_await running.stop();
    co_return Status();
  }

  Task<void> call(net::Channel& channel) {
    std::size_t size = env_.random().below(2000);
    bool hasty = env_.random().below(4) == 0;
    net::CallOptions options(hasty ? Duration(microseconds(env_.random().below(5000))) : Duration(seconds(1)));
    auto result = co_await channel.call<net::Echo>(echo_request(size), options);
    if (result.is(Code::cancelled)) {
      ++setting_.count->abandoned;
    } else {
      ++(result.ok() ? setting_.count->answered : setting_.count->failed);
      if (result.ok() && result->response.data.size() != size)
        setting_.world->violation(Verdict::safety, "an echo of another size came back");
    }
  }

  Env& env_;
  const Setting setting_;
  RpcNode node_;
  bool quiet_ = false;
  Parking ending_;
  TaskGroup workers_;
};

template <class P>
Machine& start(World& world, const Setting& setting) {
  Machine& machine = world.add_machine();
  machine.start([setting](Env& env) -> std::unique_ptr<Program> { return std::make_unique<P>(env, setting); });
  return machine;
}

void check_quiet(Run& run, Machine& machine, const Process::Usage& wanted) {
  Process::Usage usage = machine.process()->usage();
  run.expect(usage == wanted, Verdict::safety,
             machine.name() + " is left with " + usage.to_string() + " instead of " + wanted.to_string());
}

void rpc_churn(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.25;
  options.log_level = LogLevel::warn;
  options.network.resets = 0.0005;
  options.buggify_sites = 0.3;
  World& world = run.make_world(options);
  Count count;
  Setting setting;
  setting.world = &world;
  setting.count = &count;
  setting.rpc.patience = kServeFor;
  // Half of the time of an encrypted handshake is spent in OpenSSL. Of four seeds in a row one pays that.
  if (run.seed() % 4 == 0) setting.rpc.transport = net::Transport::tls;
  std::vector<Machine*> servers, clients;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    setting.number = i;
    servers.push_back(&start<Echoer>(world, setting));
    setting.servers.emplace_back(RpcNode::identity(world, i).id(), servers.back()->address(kRpcPort));
  }
  world.run_for(seconds(1));
  const Process::Usage server_at_rest = servers.front()->process()->usage();
  for (std::uint32_t i = 3; i <= 5; ++i) {
    setting.number = i;
    clients.push_back(&start<Churner>(world, setting));
  }
  NemesisOptions nemesis;
  nemesis.clock_rate = 1;
  nemesis.stop = 0;  // a client that is told to stop would stay away
  nemesis.down_max = 3;
  nemesis.pause_max = milliseconds(400);
  nemesis.lasts_max = seconds(3);
  run.unleash(nemesis);
  world.run_for(kChurnFor);
  run.calm();
  std::uint64_t answered = count.answered;
  auto served = [&] { return count.answered > answered + kServedEnough; };
  run.expect(world.run_until(served, kServeWithin), Verdict::liveness,
             "calls are not answered though nothing is wrong any more");
  for (Machine* client : clients)
    if (client->running()) client->stop();
  world.run_for(kSettle);
  if (!world.violations().empty()) return;
  Process::Usage at_the_end;
  at_the_end.waits = 1;  // the end of run()
  for (Machine* client : clients) {
    run.expect(client->as<Churner>().quiet(), Verdict::liveness, client->name() + " does not come to an end");
    check_quiet(run, *client, at_the_end);
  }
  for (Machine* server : servers) check_quiet(run, *server, server_at_rest);
  world.note(Happening::note, nullptr,
             std::to_string(count.cycles) + " cycles, " + std::to_string(count.answered) + " answered, " +
                 std::to_string(count.failed) + " failed, " + std::to_string(count.abandoned) + " abandoned");
  run.measure("cycles", count.cycles);
}

const Registration registration("rpc-churn", "connect, call, cancel, disconnect: nothing may be left", rpc_churn);

}  // namespace

}  // namespace vortex::sim
