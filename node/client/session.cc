#include "node/client/session.h"

#include <algorithm>

namespace vortex::node {

namespace {
// A node that does not answer at all must not use up the time for all others.
constexpr Duration kFirstPatience = seconds(3);
// With so many requests under way helpers are asked, too.
constexpr std::size_t kCrowd = 32;
constexpr std::size_t kHelpers = 2;

bool has_address(const std::vector<net::Target>& targets, const Address& address) {
  return std::ranges::any_of(targets, [&address](const net::Target& target) { return target.address == address; });
}
}  // namespace

net::LocalEnd Session::local_end(const SessionOptions& options) {
  net::LocalEnd local;
  local.transport = options.transport;
  return local;
}

Session::Session(Env& env, SessionOptions options)
    : env_(env),
      options_(std::move(options)),
      handshaker_(env.random(), local_end(options_), credentials_, options_.key.present()),
      board_(env, dispatcher_),
      peers_(board_, handshaker_),
      tasks_(env.loop()) {
  CHECK(!options_.addresses.empty());
  gateway_ = net::Target(options_.addresses.front());
}

Session::~Session() = default;

Task<Status> Session::connect(Duration timeout) {
  Instant deadline = env_.now() + timeout;
  // Clients that were given the same list spread over it.
  std::size_t first = static_cast<std::size_t>(env_.random().below(options_.addresses.size()));
  Status last = Error(Code::unreachable);
  for (std::size_t i = 0; i < options_.addresses.size(); ++i) {
    gateway_ = net::Target(options_.addresses[(first + i) % options_.addresses.size()]);
    Duration patience = std::min(kFirstPatience, deadline - env_.now());
    if (patience <= Duration(0)) break;
    auto reply =
        co_await peers_.call<net::ListMembers>(gateway_, net::ListMembersRequest(), net::CallOptions(patience));
    if (reply.ok()) {
      learn(std::move(reply->response));
      tasks_.spawn(keep_fresh());
      co_return Status();
    }
    if (reply.is(Code::cancelled)) co_return Code::cancelled;
    Address tried = gateway_.address;
    last = Error(reply.error().code(), tried.to_string() + ": " + std::string(reply.error().message()));
    // A key that one node refuses, all refuse.
    if (reply.is(Code::unauthenticated) || reply.is(Code::wrong_cluster)) break;
  }
  co_return last;
}

Task<void> Session::stop() {
  co_await tasks_.stop();
  co_await peers_.stop();
}

Task<void> Session::keep_fresh() {
  while (true) {
    Status slept = co_await sleep_for(env_, options_.refresh);
    if (!slept.ok()) co_return;
    Status refreshed = co_await refresh(options_.refresh);
    if (refreshed.is(Code::cancelled)) co_return;
  }
}

Task<Status> Session::refresh(Duration timeout) {
  CO_ASSIGN_OR_RETURN(net::ListMembersResponse members,
                      co_await ask<net::ListMembers>(net::ListMembersRequest(), timeout));
  learn(std::move(members));
  co_return Status();
}

void Session::learn(net::ListMembersResponse members) {
  members_ = std::move(members);
  places_.clear();
  unreachable_.clear();
  for (std::size_t i = 0; i < members_.members.size(); ++i) places_[members_.members[i].id] = i;
  ring_ = ring_of(members_);
  choose_helpers();
}

// Those that were asked before have open connections.
void Session::choose_helpers() {
  std::vector<net::Target> all = candidates();
  std::erase_if(helpers_, [&](const net::Target& helper) {
    return helper.address == gateway_.address || !has_address(all, helper.address);
  });
  while (!all.empty() && helpers_.size() < kHelpers) {
    std::size_t drawn = static_cast<std::size_t>(env_.random().below(all.size()));
    std::swap(all[drawn], all.back());
    bool fresh = all.back().address != gateway_.address && !has_address(helpers_, all.back().address);
    if (fresh) helpers_.push_back(all.back());
    all.pop_back();
  }
}

net::Target Session::next() {
  if (under_way_++ < kCrowd) return gateway_;
  std::size_t turn = turn_++ % (helpers_.size() + 1);
  return turn == 0 ? gateway_ : helpers_[turn - 1];
}

std::vector<net::Target> Session::candidates() const {
  std::vector<net::Target> targets;
  for (const net::Member& member : members_.members)
    if (member.health == net::Health::alive && !unreachable_.contains(member.id))
      targets.emplace_back(member.id, member.address);
  for (const Address& address : options_.addresses) targets.emplace_back(address);
  return targets;
}

void Session::failed(const net::Target& target, const Error& error) {
  bool gone = error.is(Code::unreachable) || error.is(Code::closed) || error.is(Code::timed_out);
  bool asked = target.address == gateway_.address || has_address(helpers_, target.address);
  if (!gone || !asked) return;
  for (const net::Member& member : members_.members)
    if (member.address == target.address) unreachable_.insert(member.id);
  std::erase_if(helpers_, [&](const net::Target& helper) { return helper.address == target.address; });
  if (target.address != gateway_.address) return;
  std::vector<net::Target> others = candidates();
  std::erase_if(others, [&](const net::Target& other) { return other.address == target.address; });
  if (!others.empty()) gateway_ = others[static_cast<std::size_t>(env_.random().below(others.size()))];
}

net::Target Session::target(const NodeId& node) {
  auto place = places_.find(node);
  if (place == places_.end()) return net::Target(node, Address());
  return net::Target(node, members_.members[place->second].address);
}

bool Session::dead(const NodeId& node) {
  auto place = places_.find(node);
  if (place == places_.end() || unreachable_.contains(node)) return true;
  return members_.members[place->second].health == net::Health::dead;
}

dht::Ring ring_of(const net::ListMembersResponse& members) {
  std::vector<dht::RingNode> nodes;
  for (const net::Member& member : members.members) {
    bool lost = std::ranges::find(members.lost, member.id) != members.lost.end();
    if (member.standing != net::MemberStanding::active || lost) continue;
    dht::RingNode& node = nodes.emplace_back();
    node.id = member.id;
    node.weight = member.capacity;
    node.zone = member.zone;
  }
  return dht::Ring(std::move(nodes));
}

}  // namespace vortex::node
