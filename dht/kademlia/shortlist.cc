#include "dht/kademlia/shortlist.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::dht {

// Counts the nearest, one by one, until there are enough of them.
class Shortlist::Quorum {
 public:
  explicit Quorum(std::size_t count) : count_(count) {}
  bool reached() const { return counted_ >= count_ || origins_.size() >= 2 * count_; }
  void add(std::uint64_t origin) {
    auto before = std::count(origins_.begin(), origins_.end(), origin);
    if (before < static_cast<std::ptrdiff_t>(kOriginShare)) ++counted_;
    origins_.push_back(origin);
  }

 private:
  const std::size_t count_;
  std::size_t counted_ = 0;
  std::vector<std::uint64_t> origins_;
};

Shortlist::Shortlist(const Id& target, std::size_t count) : target_(target), count_(count) {
  CHECK(count > 0 && count <= kShortlistMax / 2);
}

std::vector<Shortlist::Entry>::iterator Shortlist::place_of(const NodeId& id) {
  auto nearer = [this](const Entry& entry, const NodeId& wanted) { return closer(target_, entry.contact.id, wanted); };
  return std::lower_bound(entries_.begin(), entries_.end(), id, nearer);
}

Shortlist::Entry* Shortlist::find(const NodeId& id) {
  auto place = place_of(id);
  return place != entries_.end() && place->contact.id == id ? &*place : nullptr;
}

void Shortlist::add(const Contact& contact) {
  Entry entry;
  entry.contact = contact;
  insert(std::move(entry));
}

void Shortlist::add(const Contact& contact, const NodeId& source) {
  Entry* from = find(source);
  if (!from || from->liar()) return;
  Entry entry;
  entry.contact = contact;
  entry.source = source;
  entry.hops = static_cast<std::uint16_t>(from->hops + 1);
  insert(std::move(entry));
}

void Shortlist::add_answered(const Contact& contact) {
  Entry entry;
  entry.contact = contact;
  entry.state = State::answered;
  insert(std::move(entry));
}

void Shortlist::insert(Entry entry) {
  if (!callable(entry.contact)) return;
  auto place = place_of(entry.contact.id);
  if (place != entries_.end() && place->contact.id == entry.contact.id) {
    // Known by a shorter way now.
    if (place->state == State::fresh) place->hops = std::min(place->hops, entry.hops);
    return;
  }
  auto same_address = [&entry](const Entry& other) { return other.contact.address == entry.contact.address; };
  if (std::count_if(entries_.begin(), entries_.end(), same_address) >= static_cast<std::ptrdiff_t>(kIdsAtAddress))
    return;
  entry.origin = xxh3(as_bytes(origin_of(entry.contact.address)));
  entries_.insert(place, std::move(entry));
  if (entries_.size() > kShortlistMax) drop_farthest();
}

void Shortlist::drop_farthest() {
  auto out =
      std::find_if(entries_.rbegin(), entries_.rend(), [](const Entry& entry) { return entry.state == State::fresh; });
  if (out != entries_.rend()) entries_.erase(std::next(out).base());
}

std::optional<Contact> Shortlist::next() {
  if (asked_ >= kParallel || in_flight() >= kInFlightMax) return std::nullopt;
  Quorum quorum(count_);
  for (Entry& entry : entries_) {
    if (entry.state == State::failed) continue;
    if (quorum.reached()) break;
    // One that is late may be dead: somebody is asked in its place.
    if (entry.state != State::late) quorum.add(entry.origin);
    if (entry.state != State::fresh) continue;
    entry.state = State::asked;
    ++asked_;
    return entry.contact;
  }
  return std::nullopt;
}

void Shortlist::answered(const Contact& contact) {
  Entry* entry = find(contact.id);
  if (!entry || (entry->state != State::asked && entry->state != State::late)) return;
  --(entry->state == State::asked ? asked_ : late_);
  entry->state = State::answered;
  entry->contact.address = contact.address;
  NodeId source = entry->source;
  judge(source, true);
}

void Shortlist::failed(const NodeId& id) {
  Entry* entry = find(id);
  if (!entry || (entry->state != State::asked && entry->state != State::late)) return;
  --(entry->state == State::asked ? asked_ : late_);
  entry->state = State::failed;
  NodeId source = entry->source;
  judge(source, false);
}

void Shortlist::judge(const NodeId& source, bool truth) {
  Entry* from = find(source);
  if (!from) return;
  ++(truth ? from->truths : from->lies);
  if (!from->liar()) return;
  std::erase_if(entries_,
                [&source](const Entry& entry) { return entry.state == State::fresh && entry.source == source; });
}

void Shortlist::late(const NodeId& id) {
  Entry* entry = find(id);
  if (!entry || entry->state != State::asked) return;
  entry->state = State::late;
  --asked_;
  ++late_;
}

bool Shortlist::done() const {
  Quorum quorum(count_);
  for (const Entry& entry : entries_) {
    if (entry.state == State::failed) continue;
    if (entry.state != State::answered) return false;
    quorum.add(entry.origin);
    if (quorum.reached()) return true;
  }
  return true;
}

std::vector<Contact> Shortlist::result() const {
  std::vector<Contact> result;
  for (const Entry& entry : entries_) {
    if (entry.state != State::answered) continue;
    result.push_back(entry.contact);
    if (result.size() == count_) break;
  }
  return result;
}

unsigned Shortlist::hops() const {
  for (const Entry& entry : entries_)
    if (entry.state == State::answered) return entry.hops;
  return 0;
}

void Shortlist::check_invariants() const {
  std::size_t asked = 0, late = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i > 0) CHECK(closer(target_, entries_[i - 1].contact.id, entries_[i].contact.id));
    asked += entries_[i].state == State::asked ? 1 : 0;
    late += entries_[i].state == State::late ? 1 : 0;
    auto same = [&](const Entry& other) { return other.contact.address == entries_[i].contact.address; };
    CHECK(std::count_if(entries_.begin(), entries_.end(), same) <= static_cast<std::ptrdiff_t>(kIdsAtAddress));
  }
  CHECK(asked == asked_ && late == late_ && asked <= kParallel && asked + late <= kInFlightMax);
  CHECK(entries_.size() <= kShortlistMax);
}

}  // namespace vortex::dht
