// Coming in, and letting in.
#include <algorithm>

#include "base/log.h"
#include "dht/joining/call_once.h"
#include "dht/joining/membership.h"
#include "net/tls_stream.h"

namespace vortex::dht {

namespace {
constexpr std::size_t kContactsGiven = 16;
constexpr Duration kJoinAttempt = seconds(5);
constexpr Duration kJoinPause = milliseconds(500);
constexpr Duration kLookAtAddress = seconds(2);
constexpr Duration kDecideWithin = seconds(4);
static_assert(kDecideWithin < kJoinAttempt);

// Trying the same again may help.
bool passes(const Error& error) { return code_info(error.code()).retry_may_help; }

// Is it there? Its key says so over TLS, whatever else is open there.
Task<Status> look_at(Env& env, const net::Identity& self, Address address, NodeId who) {
  Instant deadline = env.now() + kLookAtAddress;
  auto connecting = with_deadline<std::unique_ptr<Connection>>(env, deadline, env.network().connect(address));
  CO_ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, co_await std::move(connecting));
  net::TlsContext context(self);
  net::TlsStream stream(context, std::move(connection), net::TlsSide::client, who);
  Status proven = co_await with_deadline<void>(env, deadline, stream.handshake());
  stream.close();
  co_return proven;
}
}  // namespace

Task<Status> Membership::join(net::JoinToken token, Duration timeout) {
  CHECK(!started_ && !belongs_somewhere());
  // Already at its place, so that others can see who has the address.
  if (!server_.listening()) CO_RETURN_IF_ERROR(server_.listen(options_.listen));
  Instant deadline = env_.now() + timeout;
  CO_ASSIGN_OR_RETURN(net::JoinResponse answer, co_await ask_to_join(token, deadline));
  if (answer.keys.empty() || answer.keys.size() > net::kClusterKeysMax || answer.self.id != id())
    co_return Error(Code::bad_message, "the answer to the request to join makes no sense");
  state_.cluster = token.cluster;
  state_.settings = answer.settings;
  state_.self = answer.self;
  adopt_keys(answer.keys);
  // Whoever belongs somewhere knows where to look for the others, from its first moment on.
  CO_RETURN_IF_ERROR(co_await store_.save_contacts(answer.contacts));
  CO_RETURN_IF_ERROR(co_await save_state());
  for (const Member& member : answer.contacts) {
    auto merged = directory_.merge(member);
    if (!merged.ok()) co_return std::move(merged).error();
  }
  handshaker_.present(net::Presented());
  CO_RETURN_IF_ERROR(begin(self_member()));
  co_return Status();
}

// Asks one after the other, as long as there is time.
Task<Result<net::JoinResponse>> Membership::ask_to_join(net::JoinToken token, Instant deadline) {
  net::SecureHandshaker joiner(env_.random(), local_end(), credentials_, token.present());
  net::JoinRequest request;
  request.address = address();
  request.zone = options_.zone;
  request.capacity = options_.capacity;
  request.boot_epoch = state_.boot_epoch;
  std::vector<Address> addresses = options_.seeds;
  addresses.insert(addresses.end(), token.addresses.begin(), token.addresses.end());
  while (true) {
    Error last(Code::unreachable, "the token names no address");
    for (const Address& address : addresses) {
      Instant until = std::min(deadline, env_.now() + kJoinAttempt);
      net::Target target(address);
      auto answer = co_await call_once<net::Join>(env_, board_, joiner, target, request, until);
      if (answer.ok()) co_return std::move(*answer);
      last = std::move(answer).error().in(address.to_string());
      if (last.is(Code::cancelled)) co_return last;
      env_.log().debug("members", "not let in yet", Field("by", address.to_string()), Field("error", last));
    }
    if (!passes(last) || env_.now() + kJoinPause >= deadline) co_return last;
    double share = 0.5 + env_.random().unit();
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, std::chrono::duration_cast<Duration>(kJoinPause * share)));
  }
}

Task<Result<net::Reply<net::Join>>> Membership::serve_join(net::Context context, net::JoinRequest request) {
  if (context.peer->role != net::Role::joiner || !context.peer->encrypted)
    co_return Error(Code::permission_denied, "joining needs a token and TLS");
  NodeId newcomer = context.peer->id;
  if (!started_ || !decisions_) co_return Error(Code::busy, "this node lets nobody in yet");
  if (request.address.host.empty() || request.address.port == 0)
    co_return Error(Code::invalid_argument, "a member must say where it listens");
  if (request.address.host.size() > kHostNameMax)
    co_return Error(Code::invalid_argument, "the host's name is too long");
  if (directory_.size() >= kMembersMax && !directory_.knows(newcomer))
    co_return Error(Code::busy, "the member directory is full");
  CO_RETURN_IF_ERROR(co_await replace_at(request.address, newcomer));
  auto admitting = decisions_->admit(newcomer, request.zone, request.capacity, kDecideWithin);
  CO_ASSIGN_OR_RETURN(Decision decision, co_await std::move(admitting));
  Member member;
  member.id = newcomer;
  member.address = request.address;
  member.boot_epoch = request.boot_epoch;
  member.decided = decision.decided;
  member.standing = decision.standing;
  member.zone = decision.zone;
  member.capacity = decision.capacity;
  auto merged = directory_.merge(member);
  if (!merged.ok()) co_return std::move(merged).error();
  env_.log().info("members", "a node joins", Field("id", newcomer), Field("address", request.address.to_string()));
  net::JoinResponse response;
  response.keys = key_copies();
  response.settings = state_.settings;
  response.self = *directory_.find(newcomer);
  response.contacts = sample_alive(directory_, newcomer, kContactsGiven, env_.random());
  response.contacts.push_back(*directory_.find(id()));
  (void)add_evicted(0, response.contacts);
  co_return net::Reply<net::Join>(std::move(response));
}

// A machine that lost its disk comes back as somebody new at the address of the one it was. Where the newcomer itself
// is found there, and the old one is dead, that one is evicted. Otherwise the newcomer may be mistaken about where it
// is.
Task<Status> Membership::replace_at(Address address, NodeId newcomer) {
  std::vector<NodeId> before;
  for (std::size_t place = 0; place < directory_.size(); ++place) {
    if (!belongs(directory_.standing_at(place)) || directory_.id_at(place) == newcomer) continue;
    if (directory_.address_is(place, address)) before.push_back(directory_.id_at(place));
  }
  for (const NodeId& old : before) {
    if (old == id()) co_return Error(Code::exists, "the address is this node's own");
    std::string name = old.short_hex();
    Status there = co_await look_at(env_, state_.identity, address, newcomer);
    if (there.is(Code::cancelled)) co_return there;
    if (!there.ok()) {
      Status still = co_await look_at(env_, state_.identity, address, old);
      if (still.ok()) co_return Error(Code::exists, "member " + name + " is alive at " + address.to_string());
      co_return Error(Code::busy, "this node does not find the newcomer at " + address.to_string() +
                                      ", which is the address of member " + name);
    }
    if (directory_.health(old) != Health::dead)
      co_return Error(Code::busy, "member " + name + ", whose address this is, is not known to be dead yet");
    env_.log().info("members", "a member is replaced by another at its address", Field("old", old),
                    Field("new", newcomer));
    auto decided = co_await decide(old, Standing::evicted, kDecideWithin);
    if (!decided.ok()) co_return std::move(decided).error();
  }
  co_return Status();
}

}  // namespace vortex::dht
