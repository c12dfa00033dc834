// What goes on while a node is a member: finding others again, catching up with decisions, remembering whom it knows.
#include <algorithm>

#include "base/log.h"
#include "dht/joining/call_once.h"
#include "dht/joining/membership.h"

namespace vortex::dht {

namespace {
constexpr Duration kLook = seconds(1);
constexpr Duration kRemember = seconds(30);
constexpr Duration kTalkWithin = seconds(8);
constexpr std::size_t kOutsidersRemembered = 1024;
// Between two looks for somebody who is dead where this node knows it.
constexpr Duration kLookForPause = seconds(15);
constexpr Duration kFillRoutes = seconds(30);
// Every member is looked at, so not often where nothing changes but that a call may have failed.
constexpr Duration kFillAnyway = std::chrono::minutes(3);
// Whoever was dead must be back for so much of the time after which it is lost.
constexpr int kStaysShare = 4;
// Of those evicted, in one answer; and of one of them without its texts.
constexpr std::size_t kEvictedBytes = 64 * kKiB;
constexpr std::size_t kMemberBytes = 96;
}  // namespace

Task<void> Membership::stay() {
  Instant remember_at = env_.now() + kRemember, look_at = env_.now() + kLookForPause;
  Instant fill_at = env_.now() + kFillRoutes, fill_anyway_at = env_.now() + kFillAnyway;
  std::uint64_t filled_at = 0;  // changes of the directory
  while (true) {
    if (!found_) co_await find_others();
    Status slept = co_await sleep_for(env_, kLook);
    if (!slept.ok()) co_return;
    note_lost(env_.now());
    if (describe_ && decisions_) co_await describe_self();
    co_await follow();
    // Alone though others are known: look at the addresses given by hand again.
    if (directory_.alive() <= 1 && directory_.belonging() > 1 && !options_.seeds.empty()) found_ = false;
    bool filled = directory_.changes() == filled_at && env_.now() < fill_anyway_at;
    if (env_.now() >= fill_at && !filled) {
      fill_at = env_.now() + kFillRoutes;
      fill_anyway_at = env_.now() + kFillAnyway;
      filled_at = directory_.changes();
      fill_routes();
    }
    if (env_.now() >= look_at && !looking_ && directory_.alive() < directory_.belonging()) {
      look_at = env_.now() + kLookForPause;
      looking_ = true;
      tasks_.spawn(look_for_one());
    }
    // Newcomers are remembered at once as long as there is room for them.
    bool urgent = remembered_ + 1 < std::min(directory_.belonging(), options_.contacts_max + 1);
    if ((env_.now() < remember_at && !urgent) || remembered_changes_ == directory_.changes()) continue;
    remember_at = env_.now() + kRemember;
    Status kept = co_await remember_contacts();
    if (!kept.ok() && !kept.is(Code::cancelled))
      env_.log().warn("members", "cannot remember the members", Field("error", kept.error()));
  }
}

// One comparison with anybody tells this node about everybody, and everybody about this node.
Task<void> Membership::find_others() {
  std::vector<net::Target> targets;
  for (const Address& seed : options_.seeds)
    if (seed != address()) targets.emplace_back(seed);
  for (const Member& member : sample_alive(directory_, id(), 3, env_.random()))
    targets.emplace_back(member.id, member.address);
  for (net::Target& target : targets) {
    Status compared = co_await heartbeats_.compare_with(target, kTalkWithin);
    if (compared.is(Code::cancelled)) co_return;
    if (compared.is(Code::stale)) catch_up_with(target);
    if (!compared.ok()) continue;
    found_ = true;
    co_return;
  }
  if (directory_.belonging() <= 1 && options_.seeds.empty()) found_ = true;
}

// Somebody who is dead at the address that this node knows may live at another, and others may have met it there.
Task<void> Membership::look_for_one() {
  std::size_t size = directory_.size(), from = env_.random().below(size);
  std::optional<Member> lost;
  for (std::size_t i = 0; i < size && !lost; ++i) {
    std::size_t place = (from + i) % size;
    if (directory_.health_at(place) == Health::dead && belongs(directory_.standing_at(place)))
      lost = directory_.at(place);
  }
  if (lost && kademlia_.table().size() > 0) {
    FindOptions options;
    options.confirm = true;
    auto found = co_await kademlia_.find(lost->id, options);
    bool there = found.ok() && !found->nearest.empty() && found->nearest.front().id == lost->id;
    if (there && found->nearest.front().address != lost->address) {
      net::Target target(lost->id, found->nearest.front().address);
      (void)co_await heartbeats_.compare_with(std::move(target), kTalkWithin);
    }
  }
  looking_ = false;
}

// The routing table follows the directory.
void Membership::route_by(const Member& now, const MemberChange& change) {
  if (now.id == id()) return kademlia_.set_self_address(now.address);
  if (now.health == Health::dead || !belongs(now.standing)) {
    kademlia_.forget(now.id);
  } else if (change.added || change.address || change.health) {
    Contact contact;
    contact.id = now.id;
    contact.address = now.address;
    kademlia_.vouched(contact);
  }
}

// Others take the places of those that have gone; whoever did not answer once, and lives, is told to others again.
void Membership::fill_routes() {
  std::size_t size = directory_.size(), from = env_.random().below(std::max<std::size_t>(size, 1));
  for (std::size_t i = 0; i < size; ++i) {
    std::size_t place = (from + i) % size;
    const NodeId& id = directory_.id_at(place);
    if (id == this->id() || directory_.health_at(place) != Health::alive || !belongs(directory_.standing_at(place)))
      continue;
    const RoutingTable::Known* known = kademlia_.table().find(id);
    if (known ? known->failures == 0 : !kademlia_.table().has_room(id)) continue;
    Contact contact;
    contact.id = id;
    contact.address = directory_.at(place).address;
    kademlia_.vouched(contact);
  }
}

// Whoever lives for moments only, now and then, is as good as dead all the time.
void Membership::note_lost(Instant now) {
  auto stays = [&](const auto& it) {
    return it.second.back_since && now - *it.second.back_since >= options_.evict_after / kStaysShare;
  };
  std::erase_if(absent_, stays);
  for (const auto& [member, absence] : absent_)
    if (!absence.back_since && now - absence.since >= options_.evict_after) directory_.set_lost(member, true);
}

// Where there is room, those too who seem dead: perhaps it was this node that was cut off.
void Membership::add_silent(std::vector<Member>& members) const {
  for (std::size_t place = directory_.size(); place-- > 0 && members.size() < options_.contacts_max;) {
    bool silent = belongs(directory_.standing_at(place)) && directory_.health_at(place) == Health::dead;
    if (silent && directory_.id_at(place) != id()) members.push_back(directory_.at(place));
  }
}

// Some to begin with at the next start, and all those that must not come back.
Task<Status> Membership::remember_contacts() {
  while (remembering_) {
    bool woken = co_await saved_event_.wait();
    if (!woken) co_return Code::cancelled;
  }
  std::uint64_t changes = directory_.changes();
  std::vector<Member> members = sample_alive(directory_, id(), options_.contacts_max, env_.random());
  add_silent(members);
  std::size_t contacts = members.size(), outsiders = 0;
  for (std::size_t place = directory_.size(); place-- > 0 && outsiders < kOutsidersRemembered;) {
    Standing standing = directory_.standing_at(place);
    if (standing == Standing::joining || standing == Standing::active || directory_.id_at(place) == id()) continue;
    members.push_back(directory_.at(place));
    ++outsiders;
  }
  // Whether they live is for the next start to find out.
  for (Member& member : members)
    if (belongs(member.standing)) member.health = Health::alive;
  remembering_ = true;
  Status saved = co_await store_.save_contacts(members);
  remembering_ = false;
  saved_event_.notify_all();
  CO_RETURN_IF_ERROR(saved);
  remembered_changes_ = changes;
  remembered_ = contacts;
  co_return Status();
}

void Membership::catch_up_with(const NodeId& id) {
  auto member = directory_.find(id);
  if (member) catch_up_with(net::Target(id, member->address));
}

void Membership::catch_up_with(net::Target from) {
  if (catching_up_ || !started_) return;
  catching_up_ = true;
  tasks_.spawn(catch_up(std::move(from)));
}

Task<void> Membership::catch_up(net::Target from) {
  std::string address = from.address.to_string();
  Status status = co_await take_secret(std::move(from));
  if (!status.ok() && !status.is(Code::cancelled)) {
    env_.log().info("members", "cannot catch up", Field("with", address), Field("error", status.error()));
    // Whoever is asked next may know more; not at once.
    (void)co_await sleep_for(env_, kLook);
  }
  catching_up_ = false;
}

// Over connections that prove only who this node is, since it may not know the secret any more. It knows who was
// evicted, here and on its disk, before it has what those must not have.
Task<Status> Membership::take_secret(net::Target from) {
  net::Presented presented;
  presented.proves = net::Proves::identity;
  presented.cluster = state_.cluster;
  net::SecureHandshaker handshaker(env_.random(), local_end(), credentials_, std::move(presented));
  Instant deadline = env_.now() + kTalkWithin;
  net::CatchUpRequest request;
  std::optional<net::CatchUpResponse> first;
  do {
    auto calling = call_once<net::CatchUp>(env_, board_, handshaker, from, request, deadline);
    CO_ASSIGN_OR_RETURN(net::CatchUpResponse answer, co_await std::move(calling));
    if (answer.next != 0 && answer.next <= request.first)
      co_return Error(Code::bad_message, "an answer that leads nowhere");
    for (const Member& member : answer.evicted) {
      if (member.standing != Standing::evicted) co_return Error(Code::bad_message, "somebody else than was asked for");
      auto merged = directory_.merge(member);
      if (!merged.ok()) co_return std::move(merged).error();
    }
    request.first = answer.next;
    if (!first) first = std::move(answer);
  } while (request.first != 0);
  bool newer = first->settings.version > state_.settings.version;
  if (newer) adopt(first->settings);
  if (!first->keys.empty() && first->keys.front().epoch > key_epoch()) {
    CO_RETURN_IF_ERROR(co_await remember_contacts());
    newer = adopt_keys(first->keys) || newer;
  }
  if (newer) co_return co_await save_state();
  co_return Status();
}

// Those that were evicted, from this place of the directory on, as many as fit; where the others begin.
std::uint32_t Membership::add_evicted(std::size_t first, std::vector<Member>& members) const {
  std::size_t bytes = 0;
  for (std::size_t place = first; place < directory_.size(); ++place) {
    if (directory_.standing_at(place) != Standing::evicted) continue;
    if (bytes > kEvictedBytes) return static_cast<std::uint32_t>(place);
    members.push_back(directory_.at(place));
    bytes += kMemberBytes + members.back().address.host.size() + members.back().zone.size();
  }
  return 0;
}

Result<net::CatchUpResponse> Membership::serve_catch_up(net::Context& context, net::CatchUpRequest& request) {
  bool known = credentials_.standing(context.peer->id) == net::Standing::member;
  if (!started_ || !known) return Error(Code::permission_denied, "not a member of this cluster");
  if (!context.peer->encrypted) return Error(Code::permission_denied, "the secret is told over TLS only");
  net::CatchUpResponse response;
  response.keys = key_copies();
  response.settings = state_.settings;
  response.next = add_evicted(request.first, response.evicted);
  return response;
}

}  // namespace vortex::dht
