// Whole nodes whose creator dies for good: the cluster takes in a newcomer, drains, evicts and changes its settings,
// through records that lie on whoever is left.
#include <algorithm>
#include <map>
#include <optional>

#include "dht/joining/node_state.h"
#include "tests/scenarios/whole_node.h"
#include "tests/sim/scenario.h"

namespace vortex::sim {

namespace {

constexpr Duration kPatience = seconds(20);
constexpr int kTries = 20;

// What an administrator does, one after the other, and what came of it.
struct Administration {
  std::string token;
  std::map<NodeId, net::MemberStanding> standings;
  net::ClusterSettings settings;
  std::size_t complete = 0;  // partitions with three voters
  std::optional<Error> failed;
  bool done = false;
};

enum class Deed { make_token, drain_second, change_topology, evict_creator, evict_third, look };

Task<Status> set_standing(WholeClient& at, std::string host, net::MemberStanding standing) {
  for (const net::Member& member : at.session.members().members) {
    if (member.address.host != host) continue;
    net::SetStandingRequest request;
    request.id = member.id;
    request.standing = standing;
    auto answer = co_await at.session.ask<net::SetStanding>(request, kPatience);
    co_return answer.ok() ? Status() : Status(answer.error());
  }
  // An attempt before this one may have evicted it, though its answer was another.
  if (standing == net::MemberStanding::evicted) co_return Status();
  co_return Error(Code::not_found, host);
}

Task<Status> administer(WholeClient& at, Deed deed, Administration& result) {
  CO_RETURN_IF_ERROR(co_await at.session.connect(kPatience));
  switch (deed) {
    case Deed::make_token: {
      net::CreateTokenRequest request;
      request.uses = 1;
      request.life_s = 3600;
      CO_ASSIGN_OR_RETURN(net::CreateTokenResponse made, co_await at.session.ask<net::CreateToken>(request, kPatience));
      result.token = made.token;
      break;
    }
    case Deed::drain_second:
      CO_RETURN_IF_ERROR(co_await set_standing(at, "m2", net::MemberStanding::draining));
      break;
    case Deed::change_topology: {
      net::ChangeSettingsRequest request;
      request.topology = net::Topology::ring;
      request.heartbeat_ms = 250;
      auto changed = co_await at.session.ask<net::ChangeSettings>(request, kPatience);
      if (!changed.ok()) co_return changed.error();
      break;
    }
    case Deed::evict_creator:
      CO_RETURN_IF_ERROR(co_await set_standing(at, "m1", net::MemberStanding::evicted));
      break;
    case Deed::evict_third:
      CO_RETURN_IF_ERROR(co_await set_standing(at, "m3", net::MemberStanding::evicted));
      break;
    case Deed::look: {
      net::ReportPartitionsRequest request;
      request.everywhere = true;
      auto reports = co_await at.session.ask<net::ReportPartitions>(request, kPatience);
      if (!reports.ok()) co_return reports.error();
      for (const net::PartitionReport& report : reports->partitions)
        if (std::ranges::count_if(report.members, &net::PartitionReplica::voter) >= 3) ++result.complete;
      break;
    }
  }
  CO_RETURN_IF_ERROR(co_await at.session.refresh(kPatience));
  result.settings = at.session.members().settings;
  for (const net::Member& member : at.session.members().members) result.standings[member.id] = member.standing;
  co_return Status();
}

Task<void> administrator(Env& env, ClusterPlan plan, node::AccessKeyText key, Deed deed,
                         std::shared_ptr<Administration> result) {
  WholeClient end(env, plan, key);
  Status status = co_await administer(end, deed, *result);
  // Groups may be without a leader for a moment; whoever is told so tries again.
  for (int i = 0; i < kTries && status.is(Code::busy); ++i) {
    Status slept = co_await sleep_for(env, seconds(1));
    if (!slept.ok()) break;
    status = co_await administer(end, deed, *result);
  }
  if (!status.ok()) result->failed = status.error();
  co_await end.session.stop();
  result->done = true;
}

Administration do_this(Run& run, const ClusterPlan& plan, const node::AccessKeyText& key, Deed deed) {
  World& world = run.world();
  auto result = std::make_shared<Administration>();
  std::string name = "administrator-" + std::to_string(static_cast<int>(deed));
  Machine* machine = world.find_machine(name);
  if (!machine) machine = &world.add_machine(name);
  machine->start(program(administrator, plan, key, deed, result));
  world.run_until([result] { return result->done; }, seconds(120));
  run.expect(result->done && !result->failed, Verdict::liveness,
             name + ": " + (result->failed ? result->failed->to_string() : "no end"));
  return *result;
}

// The epoch of the secret that lies on a machine's drive.
std::uint32_t key_epoch_on(World& world, std::size_t number) {
  auto read = [](Env& env) -> Task<Result<ByteVector>> {
    co_return co_await read_file(env.disk(), "data/identity", 64 * kKiB);
  };
  auto bytes = world.run(world.machine(number), read);
  auto state = bytes.ok() ? dht::decode_state(*bytes) : Result<dht::NodeState>(bytes.error());
  return state.ok() && !state->keys.empty() ? state->keys.front().epoch : 0;
}

void creator_gone(Run& run) {
  WorldOptions options;
  options.clock_ratio_max = 1.1;
  World& world = run.make_world(options);
  Dice dice = world.dice("creator-gone");
  ClusterPlan plan;
  plan.nodes = 4;
  plan.transport = dice.one_in(4) ? net::Transport::tls : net::Transport::plain;
  node::AccessKeyText key = start_cluster(world, plan);
  if (world.verdict() != Verdict::clean) return;
  // Whoever is to be missed must not be the only voter of a group.
  Duration complete_by = world.now() + seconds(90);
  while (do_this(run, plan, key, Deed::look).complete < plan.partitions && world.verdict() == Verdict::clean) {
    if (!run.expect(world.now() < complete_by, Verdict::liveness, "groups do not get their three voters")) return;
    world.run_for(seconds(1));
  }
  world.machine(1).power_cut();
  if (dice.one_in(2)) world.run_for(seconds(5));

  Administration made = do_this(run, plan, key, Deed::make_token);
  if (world.verdict() != Verdict::clean) return;
  add_node(world, plan, made.token);
  std::size_t newcomer = world.machines();
  auto in = [&] { return is_ready(world, newcomer); };
  if (!run.expect(world.run_until(in, seconds(90)), Verdict::liveness, "nobody can join any more")) return;
  do_this(run, plan, key, Deed::drain_second);
  do_this(run, plan, key, Deed::change_topology);
  do_this(run, plan, key, Deed::evict_creator);
  if (world.verdict() != Verdict::clean) return;
  // The groups replace the creator by the newcomer before the next one goes.
  world.run_for(seconds(30));
  if (world.verdict() != Verdict::clean) return;
  std::uint32_t epoch = key_epoch_on(world, 4);
  run.expect(epoch >= 2, Verdict::liveness, "the secret was not replaced when the creator was evicted");
  do_this(run, plan, key, Deed::evict_third);
  // It ends itself, and as often as it is started again it does not get ready.
  auto ended = [&] { return !is_ready(world, 3); };
  run.expect(world.run_until(ended, seconds(60)), Verdict::liveness, "an evicted node goes on");
  world.run_for(seconds(30));
  run.expect(!is_ready(world, 3), Verdict::liveness, "an evicted node takes part again");
  Administration seen = do_this(run, plan, key, Deed::look);
  if (world.verdict() != Verdict::clean) return;
  run.expect(seen.standings.size() == 3, Verdict::liveness,
             std::to_string(seen.standings.size()) + " members instead of three");
  run.expect(seen.settings.heartbeat_ms == 250 && seen.settings.topology == net::Topology::ring, Verdict::liveness,
             "the settings are the old ones");
  for (std::size_t number : {std::size_t(2), std::size_t(4), newcomer})
    run.expect(key_epoch_on(world, number) > epoch, Verdict::liveness,
               "the secret of m" + std::to_string(number) + " was not replaced");
  world.machine(3).power_cut();
  run.expect(key_epoch_on(world, 3) <= epoch, Verdict::safety, "whoever was evicted has the new secret");
  run.expect(key_epoch_on(world, 1) <= 1, Verdict::safety, "whoever was evicted has the new secret");
}

const Registration registration("creator-gone", "whole nodes go on deciding when the one that made the cluster is gone",
                                creator_gone);

}  // namespace

}  // namespace vortex::sim
