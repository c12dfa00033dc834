#include "dht/kademlia/kademlia.h"

#include <algorithm>
#include <utility>

#include "base/metrics.h"
#include "dht/kademlia/counters.h"
#include "dht/kademlia/lookup.h"
#include "net/channel.h"

namespace vortex::dht {

Kademlia::Kademlia(Env& env, net::Peers& peers, Contact self, KademliaOptions options)
    : env_(env),
      peers_(peers),
      self_(std::move(self)),
      options_(std::move(options)),
      table_(self_.id, limits()),
      counters_(std::make_unique<Counters>(env.metrics())),
      checked_(env.loop()),
      tasks_(env.loop()) {
  CHECK(options_.check_after > Duration(0));
}

Kademlia::~Kademlia() = default;

void Kademlia::start() {
  settled_ = options_.vouched;
  if (!options_.vouched) tasks_.spawn(upkeep());
}

Task<void> Kademlia::stop() {
  stopped_ = true;
  co_await tasks_.stop();
}

TableLimits Kademlia::limits() const {
  TableLimits limits;
  if (options_.everybody) {
    limits.bucket_max = limits.spares_max = limits.table_max;
  } else {
    limits.bucket_max = options_.bucket_max;
  }
  return limits;
}

void Kademlia::know_everybody(bool everybody) {
  options_.everybody = everybody;
  table_.set_limits(limits());
  // Until everybody was asked for, lookups go on asking.
  settled_ = options_.vouched;
  neighbours_due_ = Instant();
  neighbours_wait_ = kNeighboursFirst;
}

bool Kademlia::wanted(const Contact& contact) const {
  return contact.id != self_.id && callable(contact) && (!options_.admissible || options_.admissible(contact.id));
}

// Where somebody has answered us counts for more than where others say that it is.
net::Target Kademlia::target_of(const Contact& contact) const {
  const RoutingTable::Known* known = table_.find(contact.id);
  return net::Target(contact.id, known && known->failures == 0 ? known->contact.address : contact.address);
}

void Kademlia::met(const net::PeerInfo& peer) {
  if (stopped_ || peer.role != net::Role::member) return;
  Contact contact;
  contact.id = peer.id;
  contact.address = peer.advertised;
  if (!wanted(contact)) return;
  const RoutingTable::Known* known = table_.find(contact.id);
  if (known && known->contact.address == contact.address) return table_.heard(contact.id, env_.now());
  if (greeting_ && *greeting_ == contact.address) return;
  bool moved = known != nullptr;
  table_.named(contact);
  if (checks_ < kChecksMax && (moved || table_.worth_verifying(contact.id))) begin_check(std::move(contact));
}

void Kademlia::named(const Contact& contact) {
  if (wanted(contact)) table_.named(contact);
}

void Kademlia::vouched(const Contact& contact) {
  if (table_.find(contact.id) || table_.has_room(contact.id)) answered(contact);
}

void Kademlia::answered(const Contact& contact) {
  if (wanted(contact)) table_.proven(contact, env_.now());
  counters_->contacts.set(table_.size());
}

void Kademlia::learn_failure(const Contact& contact, const Error& error) {
  switch (error.code()) {
    case Code::cancelled:
      return;
    case Code::busy:
      // It is there, but says no more than that.
      return table_.dismiss(contact.id);
    case Code::unauthenticated:
    case Code::wrong_cluster:
      // Somebody else has that address now.
      return table_.forget(contact.id);
    default:
      return table_.failed(contact.id);
  }
}

std::vector<Contact> Kademlia::answer(const Id& target, std::size_t count, const NodeId& asker) {
  counters_->questions.add();
  heard(asker);
  count = std::min(count, kAnswerContactsMax);
  if (count == 0) return {};
  std::vector<Contact> nearest = table_.closest(target, count + 1);
  std::erase_if(nearest, [&asker](const Contact& contact) { return contact.id == asker; });
  if (nearest.size() > count) nearest.resize(count);
  return nearest;
}

Task<Result<Found>> Kademlia::find(Id target, FindOptions options) {
  if (stopped_) co_return Error(Code::closed, "shutting down");
  if (lookups_ >= kLookupsMax) co_return Error(Code::busy, "too many lookups").with_retry_after(net::kBusyRetryMs);
  options.count = std::clamp<std::size_t>(options.count, 1, kBucketMax);
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& c) : count(c) { ++count; }
    ~Counted() { --count; }
  };
  Counted counted(lookups_);
  counters_->lookups.add();
  if (options_.everybody && settled_ && !table_.full()) co_return co_await find_locally(target, options);
  looked_up(target);
  Lookup lookup(*this, target, options);
  auto found = co_await lookup.run();
  if (found.ok()) {
    counters_->hops.record(found->hops);
    counters_->requests.add(found->requests);
  } else {
    counters_->lookups_failed.add();
  }
  co_return found;
}

Task<Result<Found>> Kademlia::find_locally(Id target, FindOptions options) {
  Instant deadline = env_.now() + options.timeout;
  Found found;
  while (true) {
    found.nearest = table_.closest(target, options.count);
    auto place = std::find_if(found.nearest.begin(), found.nearest.end(),
                              [&](const Contact& contact) { return closer(target, self_.id, contact.id); });
    bool ours = place == found.nearest.begin();
    found.nearest.insert(place, self_);
    if (found.nearest.size() > options.count) found.nearest.pop_back();
    if (!options.confirm || ours) co_return found;
    if (env_.now() >= deadline) co_return Code::timed_out;
    Contact nearest = found.nearest.front();
    ++found.requests;
    Status there = co_await call_to_see(nearest);
    if (stopped_ || there.is(Code::cancelled)) co_return Code::cancelled;
    found.hops = 1;
    if (there.ok()) co_return found;
    ++found.failures;
    // A failure that says nothing about the node leaves it where it is; then the answer cannot be confirmed.
    const RoutingTable::Known* known = table_.find(nearest.id);
    if (known && known->failures == 0) co_return Error(Code::unreachable, "the nearest node does not answer");
  }
}

Task<Status> Kademlia::call_to_see(Contact contact) {
  net::FindNodeRequest request;
  request.target = self_.id;
  net::Target to(contact.id, contact.address);
  bool connected = peers_.connected(to);
  auto reply = co_await peers_.call<net::FindNode>(to, request, net::CallOptions(kQueryTimeout));
  const RoutingTable::Known* known = table_.find(contact.id);
  if (reply.is(Code::timed_out) && known && known->contact.address != contact.address) {
    // The connection that was there leads to where it was before.
    peers_.renew(contact.id, net::Purpose::control, Error(Code::closed, "it has another address now"));
    reply = co_await peers_.call<net::FindNode>(to, request, net::CallOptions(kQueryTimeout));
  }
  if (reply.ok()) {
    answered(contact);
  } else {
    learn_failure(contact, reply.error());
  }
  // A connection that was made for this alone is not worth keeping.
  if (!connected) peers_.let_go(to);
  if (!reply.ok()) co_return std::move(reply).error();
  co_return Status();
}

void serve_kademlia(net::Dispatcher& dispatcher, Kademlia& kademlia) {
  dispatcher.on<net::FindNode>(
      [&kademlia](net::Context& context, net::FindNodeRequest& request) -> Result<net::FindNodeResponse> {
        net::FindNodeResponse response;
        response.nodes = kademlia.answer(request.target, request.count, context.peer->id);
        return response;
      });
}

}  // namespace vortex::dht
