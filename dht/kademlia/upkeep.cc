// What a node does by itself to keep its table true.
#include <algorithm>
#include <utility>

#include "dht/kademlia/counters.h"
#include "dht/kademlia/lookup.h"

namespace vortex::dht {

Kademlia::Counters::Counters(Metrics& metrics)
    : lookups(metrics.counter("vortex_dht_lookups_total", "lookups of nodes by id")),
      lookups_failed(metrics.counter("vortex_dht_lookups_failed_total", "lookups that found nobody")),
      requests(metrics.counter("vortex_dht_lookup_requests_total", "requests that lookups have sent")),
      questions(metrics.counter("vortex_dht_find_node_total", "FindNode requests answered")),
      checks(metrics.counter("vortex_dht_contact_checks_total", "calls to see whether a contact is there")),
      checks_failed(metrics.counter("vortex_dht_contact_checks_failed_total", "those that were not answered")),
      contacts(metrics.gauge("vortex_dht_contacts", "contacts in the routing table")),
      hops(metrics.histogram("vortex_dht_lookup_hops", "nodes asked one after the other in a lookup")) {}

Task<void> Kademlia::upkeep() {
  while (true) {
    Status slept = co_await sleep_for(env_, jittered(kUpkeepPeriod));
    if (!slept.ok()) co_return;
    round();
  }
}

// Between two thirds and four thirds of it, so that nodes that started together do not go on together.
Duration Kademlia::jittered(Duration duration) {
  return Duration(
      static_cast<std::int64_t>(static_cast<double>(duration.count()) * (2 + 2 * env_.random().unit()) / 3));
}

void Kademlia::round() {
  Instant now = env_.now();
  // Enough to come to everybody in time.
  std::size_t due = 1 + table_.size() * 2 * static_cast<std::size_t>(kUpkeepPeriod.count()) /
                            static_cast<std::size_t>(options_.check_after.count());
  std::size_t most = std::max(kChecksMax, 2 * due);
  for (std::size_t i = 0; i < due && checks_ < most; ++i) {
    auto silent = table_.next_to_check(now, options_.check_after);
    if (!silent) break;
    begin_check(std::move(*silent));
  }
  if (checks_ < most) {
    if (auto oldest = table_.next_to_challenge(now, std::min(kChallengeAfter, options_.check_after)))
      begin_check(std::move(*oldest));
  }
  for (std::size_t i = 0; i < kVerifyEachRound && checks_ < most; ++i) {
    auto spare = table_.next_to_verify();
    if (!spare) break;
    begin_check(std::move(*spare));
  }
  if (!refreshing_ && table_.size() + table_.spares() > 0) {
    refreshing_ = true;
    tasks_.spawn(refresh());
  }
}

void Kademlia::begin_check(Contact contact) {
  ++checks_;
  counters_->checks.add();
  tasks_.spawn(check(std::move(contact)));
}

Task<void> Kademlia::check(Contact contact) {
  Status there = co_await call_to_see(std::move(contact));
  if (!there.ok()) counters_->checks_failed.add();
  --checks_;
  checked_.notify_all();
}

// One lookup at a time: of ourselves when that is due, else of the bucket that was longest without one.
Task<void> Kademlia::refresh() {
  Instant now = env_.now();
  if (now >= neighbours_due_) {
    neighbours_wait_ = std::min(2 * neighbours_wait_, options_.neighbours_after);
    co_await look_around();
    neighbours_due_ = env_.now() + jittered(neighbours_wait_);
  } else if (!options_.everybody) {
    refreshed_.resize(std::max(refreshed_.size(), bucket_count()), kNever);
    auto oldest =
        std::min_element(refreshed_.begin(), refreshed_.begin() + static_cast<std::ptrdiff_t>(bucket_count()));
    if (oldest != refreshed_.end() && now >= *oldest + options_.refresh_after) {
      // Somewhat in the past or the future of now, so that buckets do not stay together.
      *oldest = now + jittered(options_.refresh_after) - options_.refresh_after;
      Lookup lookup(*this, random_in_bucket(static_cast<std::size_t>(oldest - refreshed_.begin())), FindOptions());
      (void)co_await lookup.run();
    }
  }
  refreshing_ = false;
}

Task<void> Kademlia::look_around() {
  if (options_.everybody) {
    co_await explore();
    settled_ = table_.size() > 0;
    co_return;
  }
  FindOptions options;
  options.count = kBucketMax;
  Lookup lookup(*this, self_.id, options);
  auto found = co_await lookup.run();
  if (found.ok()) neighbours_found(*found);
}

// An id that shares exactly `index` bits with ours.
Id Kademlia::random_in_bucket(std::size_t index) {
  Id id = env_.random().id();
  for (std::size_t bit = 0; bit <= index && bit < 8 * Id::kSize; ++bit) {
    auto mask = static_cast<std::uint8_t>(0x80 >> (bit % 8));
    bool ours = (self_.id.bytes[bit / 8] & mask) != 0;
    bool wanted = bit == index ? !ours : ours;
    id.bytes[bit / 8] = static_cast<std::uint8_t>(wanted ? id.bytes[bit / 8] | mask : id.bytes[bit / 8] & ~mask);
  }
  return id;
}

std::size_t Kademlia::bucket_count() const { return table_.depth(); }

void Kademlia::looked_up(const Id& target) {
  std::size_t index = table_.bucket_of(target);
  if (index < refreshed_.size()) refreshed_[index] = env_.now();
}

}  // namespace vortex::dht
