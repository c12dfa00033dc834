#include "dht/kademlia/lookup.h"

#include <algorithm>
#include <utility>

namespace vortex::dht {

Lookup::Lookup(Kademlia& owner, const Id& target, FindOptions options)
    : owner_(owner),
      env_(owner.env_),
      target_(target),
      options_(options),
      list_(target, options.count),
      waiting_(env_.loop()),
      queries_(env_.loop()) {}

void Lookup::begin_with(const Contact& contact, const std::vector<Contact>& named) {
  list_.add_answered(contact);
  take(contact, named);
}

void Lookup::seed() {
  for (const Contact& contact : owner_.table_.candidates(target_, kBucketMax)) list_.add(contact);
  began_alone_ = list_.size() == 0;
}

Task<Result<Found>> Lookup::run() {
  seed();
  Instant deadline = env_.now() + options_.timeout;
  bool cancelled = false;
  while (env_.now() < deadline) {
    mark_late();
    changed_ = false;
    ask_more();
    if (changed_) continue;
    if (list_.done() || list_.in_flight() == 0) break;
    arm(deadline);
    bool woken = co_await waiting_.park();
    env_.clock().cancel(timer_);
    if (!woken) {
      cancelled = true;
      break;
    }
  }
  co_await queries_.stop();
  if (cancelled) co_return Code::cancelled;
  co_return outcome();
}

void Lookup::ask_more() {
  while (auto contact = list_.next()) {
    asked_.push_back(Asked{contact->id, env_.now() + kLateAfter});
    ++requests_;
    queries_.spawn(ask(std::move(*contact)));
  }
}

void Lookup::mark_late() {
  Instant now = env_.now();
  auto first = std::find_if(asked_.begin(), asked_.end(), [now](const Asked& asked) { return asked.late_at > now; });
  for (auto asked = asked_.begin(); asked != first; ++asked) list_.late(asked->id);
  asked_.erase(asked_.begin(), first);
}

void Lookup::arm(Instant deadline) {
  Instant at = asked_.empty() ? deadline : std::min(deadline, asked_.front().late_at);
  auto wake = [this] { waiting_.wake(); };
  timer_ = env_.clock().call_at(at, UniqueFunction<void()>(wake));
}

Task<void> Lookup::ask(Contact contact) {
  net::FindNodeRequest request;
  request.target = target_;
  request.count = static_cast<std::uint16_t>(kBucketMax);
  net::Target to = owner_.target_of(contact);
  contact.address = to.address;
  net::CallOptions patience(kQueryTimeout);
  auto reply = co_await owner_.peers_.call<net::FindNode>(std::move(to), std::move(request), std::move(patience));
  if (reply.is(Code::cancelled)) co_return;
  if (reply.ok()) {
    owner_.answered(contact);
    list_.answered(contact);
    take(contact, reply->response.nodes);
  } else {
    ++failures_;
    owner_.learn_failure(contact, reply.error());
    list_.failed(contact.id);
  }
  changed_ = true;
  waiting_.wake();
}

void Lookup::take(const Contact& from, const std::vector<Contact>& named) {
  std::size_t taken = 0;
  for (const Contact& contact : named) {
    if (++taken > kAnswerContactsMax) break;
    if (!owner_.wanted(contact)) continue;
    list_.add(contact, from.id);
    owner_.table_.named(contact);
  }
}

// The node itself is among the nearest where it is near enough; it has answered, so to say.
Result<Found> Lookup::outcome() {
  if (!list_.done()) return Error(Code::timed_out, "the nearest nodes did not answer in time");
  Found found;
  found.nearest = list_.result();
  found.requests = requests_;
  found.failures = failures_;
  found.hops = list_.hops();
  if (found.nearest.empty() && !began_alone_) return Error(Code::unreachable, "no other node answers");
  const Contact& self = owner_.self_;
  auto place = std::find_if(found.nearest.begin(), found.nearest.end(),
                            [&](const Contact& contact) { return closer(target_, self.id, contact.id); });
  if (place == found.nearest.begin()) found.hops = 0;
  found.nearest.insert(place, self);
  if (found.nearest.size() > options_.count) found.nearest.pop_back();
  return found;
}

}  // namespace vortex::dht
