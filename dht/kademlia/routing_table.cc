#include "dht/kademlia/routing_table.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"

namespace vortex::dht {

namespace {
auto place_of(std::vector<RoutingTable::Known>& known, const NodeId& id) {
  return std::lower_bound(known.begin(), known.end(), id, [](const RoutingTable::Known& entry, const NodeId& wanted) {
    return entry.contact.id < wanted;
  });
}

template <class Entries>
auto entry_of(Entries& entries, const NodeId& id) {
  return std::find_if(entries.begin(), entries.end(), [&id](const auto& entry) { return entry.contact.id == id; });
}

}  // namespace

RoutingTable::RoutingTable(const NodeId& self, TableLimits limits) : self_(self), limits_(limits) {
  CHECK(limits.bucket_max > 0 && limits.table_max >= limits.bucket_max);
}

std::size_t RoutingTable::bucket_of(const NodeId& id) const {
  return static_cast<std::size_t>(self_.distance(id).leading_zeros());
}

RoutingTable::Bucket* RoutingTable::bucket_at(const NodeId& id) {
  std::size_t index = bucket_of(id);
  return index < buckets_.size() ? &buckets_[index] : nullptr;
}

RoutingTable::Bucket& RoutingTable::make_bucket(std::size_t index) {
  if (index >= buckets_.size()) buckets_.resize(index + 1);
  return buckets_[index];
}

// Empty buckets at the end cost memory and mean nothing.
void RoutingTable::shrink() {
  while (!buckets_.empty() && buckets_.back().known.empty() && buckets_.back().spares.empty()) buckets_.pop_back();
}

RoutingTable::Place RoutingTable::proven(const Contact& contact, Instant now) {
  if (contact.id == self_ || !callable(contact)) return Place::refused;
  last_heard_ = std::max(last_heard_, now);
  Bucket& bucket = make_bucket(bucket_of(contact.id));
  auto place = place_of(bucket.known, contact.id);
  if (place != bucket.known.end() && place->contact.id == contact.id) {
    place->contact.address = contact.address;
    place->heard = now;
    place->failures = 0;
    return Place::in_bucket;
  }
  return add(bucket, contact, now) ? Place::in_bucket : add_spare(bucket, contact, now);
}

RoutingTable::Place RoutingTable::named(const Contact& contact) {
  if (contact.id == self_ || !callable(contact)) return Place::refused;
  Bucket& bucket = make_bucket(bucket_of(contact.id));
  auto place = place_of(bucket.known, contact.id);
  Place result = Place::in_bucket;
  if (place == bucket.known.end() || place->contact.id != contact.id) result = add_spare(bucket, contact, std::nullopt);
  shrink();
  return result;
}

// Puts somebody new into the bucket, if there is a place for it.
bool RoutingTable::add(Bucket& bucket, const Contact& contact, Instant now) {
  bool fits = bucket.known.size() < limits_.bucket_max && size_ < limits_.table_max;
  if (!fits && !make_room(bucket, contact)) return false;
  drop_spare(bucket, contact.id);
  auto place = place_of(bucket.known, contact.id);
  bucket.known.insert(place, Known{contact, now, now, 0, Instant()});
  ++size_;
  return true;
}

// One that failed goes for one that answered; so does the newest of an origin that holds more than its share, for one
// whose origin does not.
bool RoutingTable::make_room(Bucket& bucket, const Contact& contact) {
  auto worst = bucket.known.end();
  for (auto entry = bucket.known.begin(); entry != bucket.known.end(); ++entry)
    if (entry->failures > 0 && (worst == bucket.known.end() || entry->failures > worst->failures)) worst = entry;
  if (worst == bucket.known.end()) {
    std::string origin = origin_of(contact.address);
    std::map<std::string, std::size_t> shares;
    for (const Known& entry : bucket.known) ++shares[origin_of(entry.contact.address)];
    auto mine = shares.find(origin);
    if (mine != shares.end() && mine->second >= kOriginShare) return false;
    for (auto entry = bucket.known.begin(); entry != bucket.known.end(); ++entry) {
      if (shares[origin_of(entry->contact.address)] <= kOriginShare) continue;
      if (worst == bucket.known.end() || entry->since > worst->since) worst = entry;
    }
  }
  if (worst == bucket.known.end()) return false;
  remove(bucket, worst);
  return true;
}

void RoutingTable::remove(Bucket& bucket, std::vector<Known>::iterator place) {
  bucket.known.erase(place);
  --size_;
}

// Proven spares push out those that are not, and otherwise the newest the oldest: it was alive most recently.
RoutingTable::Place RoutingTable::add_spare(Bucket& bucket, const Contact& contact, std::optional<Instant> proven) {
  auto place = entry_of(bucket.spares, contact.id);
  if (place != bucket.spares.end()) {
    bool moved = place->contact.address != contact.address;
    if (!proven && place->proven) return Place::spare;
    Spare spare{contact, proven || place->proven, place->tried && !moved, proven.value_or(place->heard)};
    bucket.spares.erase(place);
    bucket.spares.push_back(std::move(spare));
    return Place::spare;
  }
  if (!proven) {
    std::string origin = origin_of(contact.address);
    auto unproven =
        static_cast<std::size_t>(std::count_if(bucket.spares.begin(), bucket.spares.end(), [&](const Spare& s) {
          return !s.proven && origin_of(s.contact.address) == origin;
        }));
    bool crowded = bucket.known.size() >= limits_.bucket_max || size_ >= limits_.table_max;
    if (crowded && unproven >= kOriginSpares) return Place::refused;
  }
  if (bucket.spares.size() >= limits_.spares_max || spares_ >= limits_.table_max) {
    if (bucket.spares.empty()) return Place::refused;
    auto out =
        std::find_if(bucket.spares.begin(), bucket.spares.end(), [](const Spare& spare) { return !spare.proven; });
    if (out == bucket.spares.end()) {
      if (!proven) return Place::refused;
      out = bucket.spares.begin();
    }
    bucket.spares.erase(out);
    --spares_;
  }
  bucket.spares.push_back(Spare{contact, proven.has_value(), false, proven.value_or(Instant())});
  ++spares_;
  return Place::spare;
}

bool RoutingTable::drop_spare(Bucket& bucket, const NodeId& id) {
  std::size_t dropped = std::erase_if(bucket.spares, [&id](const Spare& spare) { return spare.contact.id == id; });
  spares_ -= dropped;
  return dropped > 0;
}

void RoutingTable::heard(const NodeId& id, Instant now) {
  last_heard_ = std::max(last_heard_, now);
  Bucket* bucket = bucket_at(id);
  if (!bucket) return;
  auto place = place_of(bucket->known, id);
  if (place == bucket->known.end() || place->contact.id != id) return;
  place->heard = std::max(place->heard, now);
}

// The spare that answered most recently moves up.
bool RoutingTable::promote(Bucket& bucket) {
  if (bucket.known.size() >= limits_.bucket_max || size_ >= limits_.table_max) return false;
  auto best =
      std::find_if(bucket.spares.rbegin(), bucket.spares.rend(), [](const Spare& spare) { return spare.proven; });
  if (best == bucket.spares.rend()) return false;
  Spare spare = *best;
  return add(bucket, spare.contact, spare.heard);
}

void RoutingTable::failed(const NodeId& id) {
  Bucket* bucket = bucket_at(id);
  if (!bucket) return;
  drop_spare(*bucket, id);
  auto place = place_of(bucket->known, id);
  if (place != bucket->known.end() && place->contact.id == id) {
    ++place->failures;
    bool replaced = std::any_of(bucket->spares.begin(), bucket->spares.end(), [](const Spare& s) { return s.proven; });
    // Nobody else was heard since it was: then the fault may well be ours.
    bool theirs = last_heard_ > place->heard;
    if (replaced || (place->failures >= kFailuresMax && theirs)) {
      remove(*bucket, place);
      promote(*bucket);
    }
  }
  shrink();
}

void RoutingTable::dismiss(const NodeId& id) {
  if (Bucket* bucket = bucket_at(id)) drop_spare(*bucket, id);
  shrink();
}

void RoutingTable::forget(const NodeId& id) {
  Bucket* bucket = bucket_at(id);
  if (!bucket) return;
  drop_spare(*bucket, id);
  auto place = place_of(bucket->known, id);
  if (place != bucket->known.end() && place->contact.id == id) {
    remove(*bucket, place);
    promote(*bucket);
  }
  shrink();
}

void RoutingTable::set_limits(TableLimits limits) {
  CHECK(limits.bucket_max > 0 && limits.table_max >= limits.bucket_max);
  limits_ = limits;
  auto worse = [](const Known& a, const Known& b) {
    return a.failures != b.failures ? a.failures < b.failures : a.since < b.since;
  };
  for (Bucket& bucket : buckets_) {
    while (bucket.known.size() > limits_.bucket_max)
      remove(bucket, std::max_element(bucket.known.begin(), bucket.known.end(), worse));
    while (promote(bucket)) continue;
    while (!bucket.spares.empty() && (bucket.spares.size() > limits_.spares_max || spares_ > limits_.table_max)) {
      bucket.spares.erase(bucket.spares.begin());
      --spares_;
    }
  }
  // The far buckets are the large ones.
  for (Bucket& bucket : buckets_)
    while (size_ > limits_.table_max && !bucket.known.empty())
      remove(bucket, std::max_element(bucket.known.begin(), bucket.known.end(), worse));
  shrink();
}

// Bucket by bucket in the order of their distance from the target: the one in which the target itself would be, then
// all behind it at once (they are equally far but for bits that only sorting can tell), then towards the first.
template <class Take>
void RoutingTable::gather(const Id& target, std::size_t count, const Take& take) const {
  std::size_t home = bucket_of(target), taken = 0;
  if (home < buckets_.size()) taken += take(buckets_[home]);
  if (taken >= count) return;
  for (std::size_t i = home + 1; i < buckets_.size(); ++i) taken += take(buckets_[i]);
  for (std::size_t i = std::min(home, buckets_.size()); i > 0 && taken < count; --i) taken += take(buckets_[i - 1]);
}

namespace {
void keep_nearest(const Id& target, std::size_t count, std::vector<const Contact*>& found) {
  auto nearer = [&target](const Contact* a, const Contact* b) { return closer(target, a->id, b->id); };
  std::size_t kept = std::min(count, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(kept), found.end(), nearer);
  found.resize(kept);
}
}  // namespace

std::vector<Contact> RoutingTable::closest(const Id& target, std::size_t count) const {
  std::vector<const Contact*> found;
  gather(target, count, [&found](const Bucket& bucket) {
    std::size_t before = found.size();
    for (const Known& entry : bucket.known)
      if (entry.failures == 0) found.push_back(&entry.contact);
    return found.size() - before;
  });
  keep_nearest(target, count, found);
  std::vector<Contact> result;
  result.reserve(found.size());
  for (const Contact* contact : found) result.push_back(*contact);
  return result;
}

std::vector<Contact> RoutingTable::candidates(const Id& target, std::size_t count) const {
  std::vector<Contact> result = closest(target, count);
  if (result.size() >= count) return result;
  std::vector<const Contact*> more;
  gather(target, count - result.size(), [&more](const Bucket& bucket) {
    std::size_t before = more.size();
    for (const Known& entry : bucket.known)
      if (entry.failures > 0) more.push_back(&entry.contact);
    for (const Spare& spare : bucket.spares) more.push_back(&spare.contact);
    return more.size() - before;
  });
  keep_nearest(target, count - result.size(), more);
  for (const Contact* contact : more) result.push_back(*contact);
  return result;
}

const RoutingTable::Known* RoutingTable::find(const NodeId& id) const {
  Bucket* bucket = const_cast<RoutingTable*>(this)->bucket_at(id);
  if (!bucket) return nullptr;
  auto place = place_of(bucket->known, id);
  return place != bucket->known.end() && place->contact.id == id ? &*place : nullptr;
}

bool RoutingTable::has_room(const NodeId& id) const {
  std::size_t index = bucket_of(id);
  return index >= buckets_.size() ? size_ < limits_.table_max : open(buckets_[index]);
}

bool RoutingTable::open(const Bucket& bucket) const {
  if (bucket.known.size() < limits_.bucket_max && size_ < limits_.table_max) return true;
  return std::any_of(bucket.known.begin(), bucket.known.end(), [](const Known& entry) { return entry.failures > 0; });
}

std::optional<Contact> RoutingTable::next_to_verify() {
  // The nearest buckets matter most.
  for (std::size_t i = buckets_.size(); i > 0; --i) {
    Bucket& bucket = buckets_[i - 1];
    auto spare = std::find_if(bucket.spares.rbegin(), bucket.spares.rend(), [](const Spare& s) { return !s.tried; });
    if (spare == bucket.spares.rend() || !open(bucket)) continue;
    spare->tried = true;
    return spare->contact;
  }
  return std::nullopt;
}

bool RoutingTable::worth_verifying(const NodeId& id) {
  Bucket* bucket = bucket_at(id);
  if (!bucket || !open(*bucket)) return false;
  auto spare = entry_of(bucket->spares, id);
  if (spare == bucket->spares.end() || spare->tried) return false;
  return spare->tried = true;
}

std::optional<Contact> RoutingTable::challenge(Known* oldest, Instant now, Duration silence) {
  if (!oldest || now < oldest->quiet() + silence) return std::nullopt;
  oldest->checked = now;
  return oldest->contact;
}

std::optional<Contact> RoutingTable::next_to_check(Instant now, Duration silence) {
  Known* oldest = nullptr;
  for (Bucket& bucket : buckets_)
    for (Known& entry : bucket.known)
      if (!oldest || entry.quiet() < oldest->quiet()) oldest = &entry;
  return challenge(oldest, now, silence);
}

std::optional<Contact> RoutingTable::next_to_challenge(Instant now, Duration silence) {
  Known* oldest = nullptr;
  for (Bucket& bucket : buckets_) {
    if (std::none_of(bucket.spares.begin(), bucket.spares.end(), [](const Spare& spare) { return spare.proven; }))
      continue;
    for (Known& entry : bucket.known)
      if (!oldest || entry.quiet() < oldest->quiet()) oldest = &entry;
  }
  return challenge(oldest, now, silence);
}

std::size_t RoutingTable::memory_bytes() const {
  auto text = [](const Contact& contact) {
    return contact.address.host.capacity() > 15 ? contact.address.host.capacity() + 1 : 0;
  };
  std::size_t sum = sizeof(*this) + buckets_.capacity() * sizeof(Bucket);
  for (const Bucket& bucket : buckets_) {
    sum += bucket.known.capacity() * sizeof(Known) + bucket.spares.capacity() * sizeof(Spare);
    for (const Known& entry : bucket.known) sum += text(entry.contact);
    for (const Spare& spare : bucket.spares) sum += text(spare.contact);
  }
  return sum;
}

void RoutingTable::check_invariants() const {
  std::size_t sum = 0, spares = 0;
  std::set<NodeId> seen;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    const Bucket& bucket = buckets_[i];
    CHECK(bucket.known.size() <= limits_.bucket_max && bucket.spares.size() <= limits_.spares_max);
    sum += bucket.known.size();
    spares += bucket.spares.size();
    for (const Known& entry : bucket.known) {
      CHECK(bucket_of(entry.contact.id) == i && seen.insert(entry.contact.id).second);
      CHECK(entry.since <= entry.heard && callable(entry.contact) && entry.contact.id != self_);
    }
    for (const Spare& spare : bucket.spares)
      CHECK(bucket_of(spare.contact.id) == i && seen.insert(spare.contact.id).second && callable(spare.contact));
    CHECK(std::is_sorted(bucket.known.begin(), bucket.known.end(),
                         [](const Known& a, const Known& b) { return a.contact.id < b.contact.id; }));
  }
  CHECK(sum == size_ && size_ <= limits_.table_max && spares == spares_ && spares_ <= limits_.table_max);
}

}  // namespace vortex::dht
