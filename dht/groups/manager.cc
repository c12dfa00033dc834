#include "dht/groups/manager.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace vortex::dht::groups {

namespace {
constexpr Duration kStepPatience = seconds(10);
constexpr Duration kAfterFailure = milliseconds(500);
constexpr Duration kBalancePeriod = seconds(1);
constexpr std::size_t kTransfersAtOnce = 4;
// After so long without a leader a replica asks whether it is still wanted, and again.
constexpr Duration kAloneFor = seconds(10);
}  // namespace

Manager::Manager(Env& env, Host& host, const Neighbourhood& neighbourhood, ManagerOptions options)
    : env_(env),
      host_(host),
      neighbourhood_(neighbourhood),
      options_(options),
      pace_(env, options.changes_per_second, static_cast<double>(options.changes_at_once)),
      changes_(env.metrics().counter("group_changes_total", "changes of members that groups led here have made")),
      failures_(env.metrics().counter("group_changes_failed_total", "changes of members that were given up")),
      transfers_(env.metrics().counter("group_transfers_total", "leaderships handed on for balance")),
      unsettled_gauge_(
          env.metrics().gauge("groups_unsettled", "groups led here whose members are not where they should be")),
      tasks_(env.loop()) {}

void Manager::start() { tasks_.spawn(run()); }

Task<void> Manager::run() {
  while (true) {
    Status slept = co_await sleep_for(env_, options_.period);
    if (!slept.ok()) break;
    unsettled_ = short_ = 0;
    for (GroupId group : host_.groups()) {
      auto view = host_.view(group);
      if (view && view->role == raft::Role::leader) look_at(*view);
      if (view) see_orphan(*view);
    }
    std::erase_if(alone_since_, [this](const auto& entry) { return !host_.view(entry.first); });
    unsettled_gauge_.set(unsettled_);
    if (options_.balance_leaders && !paused_ && unsettled_ == 0) balance();
  }
}

void Manager::look_at(const GroupView& view) {
  if (view.configuration.voters.size() < options_.replicas) ++short_;
  Step step = next(view);
  if (view.configuration.joint() || step.kind != Step::Kind::nothing) ++unsettled_;
  try_begin(view.group, std::move(step));
}

// A replica that nobody leads may have been left out while it did not hear, by members that are all gone meanwhile.
// Whoever is near the group now is asked; so it is for a damaged one, which nobody may want any more.
void Manager::see_orphan(const GroupView& view) {
  if (view.role == raft::Role::leader || (view.leader && !view.damaged)) {
    alone_since_.erase(view.group);
    return;
  }
  auto [at, fresh] = alone_since_.try_emplace(view.group, env_.now());
  if (fresh || env_.now() < at->second + kAloneFor) return;
  at->second = env_.now();
  for (const NodeId& node : neighbourhood_.closest(view.group, options_.replicas))
    if (node != view.self.node) host_.ask_for_dismissal(view.group, node);
}

Step Manager::next(const GroupView& view) const {
  if (view.configuration.joint()) return Step();
  GroupFacts facts;
  facts.configuration = view.configuration;
  facts.self = view.self;
  facts.wanted = neighbourhood_.closest(view.group, options_.replicas);
  facts.lost = host_.lost_members(view.group);
  facts.state = [this](const NodeId& node) { return neighbourhood_.state(node); };
  facts.caught_up = [this, &view](const raft::Replica& replica) {
    auto lag = host_.lag_of(view.group, replica);
    return lag && *lag <= options_.lag_max;
  };
  return next_step(facts);
}

void Manager::try_begin(GroupId group, Step step) {
  if (paused_ || step.kind == Step::Kind::nothing) return;
  if (busy_.size() >= options_.changes_at_once || busy_.contains(group)) return;
  if (!pace_.try_take(1)) return;
  busy_.insert(group);
  tasks_.spawn(carry_out(group, std::move(step)));
}

Task<void> Manager::carry_out(GroupId group, Step step) {
  Status done = co_await begin(group, std::move(step));
  if (done.ok()) changes_.add();
  if (!done.ok() && !done.is(Code::cancelled)) {
    failures_.add();
    env_.log().debug("groups", "a change of members was given up", Field("group", group), Field("why", done.error()));
    (void)(co_await sleep_for(env_, kAfterFailure)).ok();
  }
  busy_.erase(group);
  // A change is several steps; the next one need not wait for the next round.
  if (!done.ok()) co_return;
  auto view = host_.view(group);
  if (view && view->role == raft::Role::leader) try_begin(group, next(*view));
}

Task<Status> Manager::begin(GroupId group, Step step) {
  Instant deadline = env_.now() + kStepPatience;
  switch (step.kind) {
    case Step::Kind::add_learner:
      return host_.add_learner(group, step.node, deadline);
    case Step::Kind::change:
      return host_.change(group, std::move(step.target), deadline);
    case Step::Kind::transfer:
      return host_.transfer(group, step.node, deadline);
    case Step::Kind::nothing:
      break;
  }
  auto nothing = []() -> Task<Status> { co_return Status(); };
  return nothing();
}

// Whoever leads more groups than a node it shares one with hands one over, until they are even.
void Manager::balance() {
  Instant now = env_.now();
  if (now < next_balance_) return;
  next_balance_ = now + kBalancePeriod;
  std::vector<GroupView> led;
  for (GroupId group : host_.groups()) {
    auto view = host_.view(group);
    if (view && view->role == raft::Role::leader && !view->configuration.joint()) led.push_back(std::move(*view));
  }
  std::map<NodeId, std::size_t> given;
  std::size_t here = led.size(), handed = 0;
  for (const GroupView& view : led) {
    std::optional<NodeId> best;
    std::size_t least = here;
    for (const raft::Replica& voter : view.configuration.voters) {
      auto theirs = host_.leads_of(voter.node);
      if (voter == view.self || !theirs || neighbourhood_.state(voter.node) != NodeState::well) continue;
      std::size_t count = *theirs + given[voter.node];
      // One more there and one less here must leave them closer.
      if (count + 1 >= least || host_.lag_of(view.group, voter).value_or(options_.lag_max + 1) > options_.lag_max)
        continue;
      best = voter.node;
      least = count;
    }
    if (!best || busy_.contains(view.group) || !pace_.try_take(1)) continue;
    ++given[*best];
    --here;
    transfers_.add();
    busy_.insert(view.group);
    Step step;
    step.kind = Step::Kind::transfer;
    step.node = *best;
    tasks_.spawn(carry_out(view.group, std::move(step)));
    if (++handed >= kTransfersAtOnce) return;
  }
}

}  // namespace vortex::dht::groups
