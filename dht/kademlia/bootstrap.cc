// How a node gets to know its network, from one address.
#include <algorithm>
#include <deque>
#include <utility>

#include "base/log.h"
#include "dht/kademlia/kademlia.h"
#include "dht/kademlia/lookup.h"

namespace vortex::dht {

Task<Status> Kademlia::bootstrap(std::vector<Address> addresses, Duration timeout) {
  if (addresses.empty()) co_return Error(Code::invalid_argument, "no address to begin with");
  Instant deadline = env_.now() + timeout;
  Duration wait = kBootstrapRetryMin;
  settled_ = false;
  while (true) {
    Error last(Code::unreachable);
    for (const Address& address : addresses) {
      greeting_ = address;
      Status greeted = co_await greet(address);
      greeting_.reset();
      if (greeted.ok() || greeted.is(Code::cancelled)) co_return greeted;
      last = greeted.error();
      env_.log().info("dht", "cannot begin here", Field("address", address.to_string()), Field("error", last));
    }
    if (env_.now() + wait >= deadline) co_return Error(Code::timed_out, "no way in: " + std::string(last.message()));
    CO_RETURN_IF_ERROR(co_await sleep_for(env_, jittered(wait)));
    wait = std::min(2 * wait, kBootstrapRetryMax);
  }
}

Task<Status> Kademlia::greet(Address address) {
  net::Target to(address);
  Instant deadline = env_.now() + kQueryTimeout;
  CO_ASSIGN_OR_RETURN(net::Channel * channel, co_await peers_.channel(to, net::Purpose::control, deadline));
  Contact contact;
  contact.id = channel->peer().id;
  contact.address = channel->peer().advertised;
  if (contact.id == self_.id) co_return Error(Code::invalid_argument, address.to_string() + " is this node itself");
  net::FindNodeRequest request;
  request.target = self_.id;
  request.count = static_cast<std::uint16_t>(kBucketMax);
  net::CallOptions patience(kQueryTimeout);
  auto reply = co_await channel->call<net::FindNode>(std::move(request), std::move(patience));
  peers_.let_go(to);
  if (!reply.ok()) co_return std::move(reply).error();
  // Where it says nothing of itself, or the same, it has just answered there.
  if (!callable(contact)) contact.address = address;
  if (contact.address == address) {
    answered(contact);
  } else {
    named(contact);
  }
  FindOptions options;
  options.count = kBucketMax;
  Lookup lookup(*this, self_.id, options);
  lookup.begin_with(contact, reply->response.nodes);
  auto found = co_await lookup.run();
  if (!found.ok()) co_return std::move(found).error();
  if (options_.everybody) {
    co_await explore();
  } else {
    neighbours_found(*found);
  }
  settled_ = true;
  neighbours_due_ = env_.now() + jittered(neighbours_wait_);
  co_return Status();
}

// The buckets of those found are as full as they can be: nobody else is that near. Farther ones that hold few are to be
// filled soon.
void Kademlia::neighbours_found(const Found& found) {
  std::size_t home = found.nearest.size() < kBucketMax ? 0 : bucket_count();
  for (const Contact& contact : found.nearest)
    if (contact.id != self_.id) home = std::min(home, table_.bucket_of(contact.id));
  refreshed_.resize(std::max(refreshed_.size(), bucket_count()), kNever);
  for (std::size_t i = 0; i < bucket_count(); ++i)
    if (i >= home || (refreshed_[i] == kNever && table_.bucket_size(i) >= kBucketFew)) refreshed_[i] = env_.now();
}

namespace {
// Ids that agree in so many bits were made up.
constexpr int kRegionBitsMax = 64;

struct Region {
  Id prefix;
  int bits = 0;
};

Region half(const Region& region, bool upper) {
  Region part = region;
  if (upper)
    part.prefix.bytes[static_cast<std::size_t>(region.bits) / 8] |=
        static_cast<std::uint8_t>(0x80 >> (region.bits % 8));
  ++part.bits;
  return part;
}
}  // namespace

// Region by region of the id space, large ones first; where more than a few are, in halves, until whoever is asked is
// so near that it knows everybody there even if it keeps no more than k contacts in a bucket. Between the levels those
// who were named are called, so that they can be asked.
Task<void> Kademlia::explore() {
  std::deque<Region> regions(1);
  int level = 0;
  for (std::size_t asked = 0; !regions.empty() && asked < kExploreMax; ++asked) {
    Region region = regions.front();
    regions.pop_front();
    if (region.bits > level) {
      level = region.bits;
      co_await verify_all();
    }
    net::FindNodeRequest request;
    request.target = region.prefix;
    request.count = static_cast<std::uint16_t>(kAnswerContactsMax);
    auto told = co_await ask_anybody(std::move(request));
    if (told.is(Code::cancelled)) co_return;
    if (!told.ok()) break;
    std::size_t inside = 0;
    for (const Contact& contact : *told) {
      named(contact);
      inside += region.prefix.distance(contact.id).leading_zeros() >= region.bits ? 1 : 0;
    }
    if (inside <= kBucketFew || region.bits >= kRegionBitsMax) continue;
    regions.push_back(half(region, false));
    regions.push_back(half(region, true));
  }
  co_await verify_all();
}

// One after the other, of those nearest to the target, until somebody answers.
Task<Result<std::vector<Contact>>> Kademlia::ask_anybody(net::FindNodeRequest request) {
  Error last(Code::unreachable, "nobody is known");
  std::vector<Contact> nearest = table_.candidates(request.target, kBucketFew);
  for (const Contact& contact : nearest) {
    net::Target to(contact.id, contact.address);
    auto reply = co_await peers_.call<net::FindNode>(std::move(to), request, net::CallOptions(kQueryTimeout));
    if (reply.ok()) {
      answered(contact);
      if (reply->response.nodes.size() > kAnswerContactsMax) reply->response.nodes.resize(kAnswerContactsMax);
      co_return std::move(reply->response.nodes);
    }
    learn_failure(contact, reply.error());
    last = reply.error();
    if (last.is(Code::cancelled)) break;
  }
  co_return last;
}

Task<void> Kademlia::verify_all() {
  while (!stopped_) {
    while (checks_ < kVerifyAtOnce) {
      auto contact = table_.next_to_verify();
      if (!contact) break;
      begin_check(std::move(*contact));
    }
    if (checks_ == 0) break;
    bool woken = co_await checked_.wait();
    if (!woken) break;
  }
}

}  // namespace vortex::dht
