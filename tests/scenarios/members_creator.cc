// Whoever made the cluster is gone for good: the others take in newcomers, and decide about members, settings and the
// secret as before.
#include "tests/scenarios/members_node.h"

namespace vortex::sim {

namespace {

constexpr Duration kWithin = seconds(30);

// Runs a task of the node's to its end: what it came to, or an error when it does not end.
template <class T>
Result<T> ask(World& world, Machine& machine, Task<Result<T>> task) {
  auto answer = std::make_shared<std::optional<Result<T>>>();
  auto body = [](Task<Result<T>> inner, std::shared_ptr<std::optional<Result<T>>> out) -> Task<void> {
    auto value = co_await std::move(inner);
    out->emplace(std::move(value));
  };
  machine.spawn(body(std::move(task), answer));
  auto ended = [answer] { return answer->has_value(); };
  if (!world.run_until(ended, kWithin)) return Error(Code::timed_out, "no answer");
  return std::move(**answer);
}

bool everybody(Run& run, MembersCluster& cluster, const std::function<bool(dht::Membership&)>& sees) {
  auto all = [&] {
    for (std::size_t i = 0; i < cluster.size(); ++i)
      if (dht::Membership* member = cluster.member(i); member && !sees(*member)) return false;
    return true;
  };
  return run.world().run_until(all, kWithin);
}

void members_creator_gone(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.1;
  options.log_level = LogLevel::warn;
  World& world = run.make_world(options);
  Dice dice = world.dice("creator");
  MembersCluster cluster(run, world);
  cluster.plan.topology = dice.one_in(2) ? dht::Topology::ring : dht::Topology::all_to_all;
  cluster.start(5, seconds(1));
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "five nodes do not find each other")) return;
  NodeId creator = cluster.id(0);
  dice.one_in(2) ? cluster.machine(0).power_cut() : cluster.machine(0).kill();
  cluster.plan.follower = 3;
  auto detected = [&] { return cluster.taking(creator, dht::Health::dead) == 4; };
  run.expect(world.run_until(detected, kWithin), Verdict::liveness, "the creator's end is not noticed");

  // Somebody else makes a token, and a node that never heard of the creator comes in with it.
  auto token = ask(world, cluster.machine(2), cluster.member(2)->create_token(dht::TokenTerms(), kWithin));
  if (!run.expect(token.ok(), Verdict::liveness, "no token can be made")) return;
  cluster.plan.tokens.front() = *token;
  cluster.add();
  if (!run.expect(cluster.settle(kWithin), Verdict::liveness, "nobody can join any more")) return;

  // Decisions: whoever makes the second dies as soon as it is recorded, so others must bring it to everybody.
  NodeId drained = cluster.id(1), evicted = cluster.id(4);
  auto decided = ask(world, cluster.machine(5), cluster.member(5)->decide(drained, dht::Standing::draining, kWithin));
  run.expect(decided.ok(), Verdict::liveness, "no node can be drained");
  auto drains = [&](dht::Membership& it) { return it.directory().standing(drained) == dht::Standing::draining; };
  run.expect(everybody(run, cluster, drains), Verdict::liveness, "that a node is drained is not known everywhere");

  Task<Result<dht::Member>> evicting = cluster.member(2)->decide(evicted, dht::Standing::evicted, kWithin);
  std::uint64_t commits = cluster.plan.records.commits();
  auto forget = [](Task<Result<dht::Member>> task) -> Task<void> { (void)co_await std::move(task); };
  cluster.machine(2).spawn(forget(std::move(evicting)));
  auto recorded = [&] { return cluster.plan.records.commits() > commits; };
  run.expect(world.run_until(recorded, kWithin), Verdict::liveness, "no node can be evicted");
  cluster.machine(2).power_cut();
  auto renewed = [&](dht::Membership& it) {
    return it.id() == evicted || (it.directory().standing(evicted) == dht::Standing::evicted && it.key_epoch() == 2);
  };
  run.expect(everybody(run, cluster, renewed), Verdict::liveness, "an eviction is forgotten with whoever decided it");

  auto topology = cluster.plan.topology == dht::Topology::ring ? dht::Topology::all_to_all : dht::Topology::ring;
  auto changed =
      ask(world, cluster.machine(1), cluster.member(1)->change_settings(topology, milliseconds(250), kWithin));
  run.expect(changed.ok(), Verdict::liveness, "the settings cannot be changed");
  cluster.machine(2).start();
  auto knows = [&](dht::Membership& it) {
    return it.id() == evicted || (it.settings().topology == topology && it.settings().heartbeat_ms == 250);
  };
  run.expect(everybody(run, cluster, knows), Verdict::liveness, "the settings do not reach everybody");

  // The evicted one has found out and has ended itself; it does not start any more.
  auto ended = [&] { return !cluster.machine(4).running(); };
  run.expect(world.run_until(ended, kWithin), Verdict::liveness, "an evicted node goes on");
  cluster.machine(4).start();
  world.run_for(seconds(10));
  dht::Membership* outside = cluster.member(4);
  run.expect(!outside || outside->key_epoch() < 2, Verdict::safety, "whoever was evicted has the new secret");
  run.expect(everybody(run, cluster, renewed), Verdict::safety, "whoever was evicted came back");
}

const Registration creator(
    "members-creator-gone",
    "the node that made the cluster dies for good; joining, draining, evicting and settings go on",
    members_creator_gone);

}  // namespace

}  // namespace vortex::sim
