#include "dht/heartbeat/gossip.h"

#include <algorithm>

namespace vortex::dht {

namespace {
// Of a member in a message, without its texts.
constexpr std::size_t kMemberBytes = 80;

std::size_t news_bytes(const Member& member) { return kMemberBytes + member.address.host.size() + member.zone.size(); }
// Is `a` before `b`? Positions wrap around.
bool before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(b - a) > 0; }
}  // namespace

void Gossip::forget() {
  started_ = introduced_ = met_ = lost_ = false;
  received_ = 0;
  passed_.clear();
}

void Gossip::rewind() {
  told_ = confirmed_;
  lost_ = true;
  if (!met_) introduced_ = false;
}

void Gossip::start_here(const Directory& directory) {
  if (started_) return;
  started_ = true;
  told_ = confirmed_ = directory.position();
  passed_.clear();
}

bool Gossip::tell(const Directory& directory, const NodeId& self, net::Pulse& pulse) {
  pulse.received = received_;
  pulse.lost = lost_;
  // What came before is for the comparison of digests to find.
  start_here(directory);
  if (!introduced_) {
    introduced_ = true;
    if (auto member = directory.find(self)) pulse.news.push_back(*member);
  }
  if (before(told_, directory.oldest_position())) {
    must_compare_ = true;
    told_ = directory.oldest_position();
  }
  std::size_t bytes = 0;
  bool more = false;
  auto passed = passed_.begin();
  auto add = [&](std::size_t place, std::uint32_t position) {
    while (passed != passed_.end() && before(*passed, position)) ++passed;
    if (passed != passed_.end() && *passed == position) return true;
    Member member = directory.at(place);
    bytes += news_bytes(member);
    if (bytes > kNewsBytesMax) {
      more = true;
      return false;
    }
    pulse.news.push_back(std::move(member));
    told_ = position;
    return true;
  };
  directory.changed_since(told_, add);
  if (!more) told_ = directory.position();
  forget_passed();
  pulse.position = told_;
  return more;
}

Status Gossip::hear(Directory& directory, const net::Pulse& pulse) {
  lost_ = false;
  if (pulse.received != 0 && started_) {
    met_ = true;
    if (before(confirmed_, pulse.received) && !before(told_, pulse.received)) confirmed_ = pulse.received;
  }
  if (pulse.lost) told_ = confirmed_;
  received_ = pulse.position;
  Status status;
  for (const Member& member : pulse.news) {
    auto merged = directory.merge(member);
    if (!merged.ok()) {
      if (status.ok()) status = std::move(merged).error();
    } else if (merged->exact) {
      pass_over(directory, member.id);
    }
  }
  return status;
}

// It knows this already.
void Gossip::pass_over(const Directory& directory, const NodeId& id) {
  std::uint32_t position = directory.last_change(id);
  if (!before(told_, position) || passed_.size() >= kPassedMax) return;
  auto place = passed_.end();
  while (place != passed_.begin() && before(position, *std::prev(place))) --place;
  if (place == passed_.begin() || *std::prev(place) != position) passed_.insert(place, position);
}

// What lies before told_ means nothing any more, and mostly that is all.
void Gossip::forget_passed() {
  auto first = std::find_if(passed_.begin(), passed_.end(), [this](std::uint32_t it) { return before(told_, it); });
  if (first == passed_.end()) {
    passed_ = std::vector<std::uint32_t>();
  } else {
    passed_.erase(passed_.begin(), first);
  }
}

}  // namespace vortex::dht
