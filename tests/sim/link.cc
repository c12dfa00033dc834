#include "tests/sim/link.h"

#include <algorithm>
#include <utility>

#include "tests/sim/fabric.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
// The longest that a sender waits after a cut has healed before it tries again.
constexpr Duration kRetransmitMax = seconds(3);
constexpr Duration kLoopback = microseconds(10);
}  // namespace

Traveller::~Traveller() { stop(); }

void Traveller::stop() {
  if (armed()) link_->fabric_.world().waiters().disarm(*this);
  if (held_) std::erase(link_->held_, this);
  held_ = false;
}

void Traveller::go(Link& link, Duration at) {
  stop();
  link_ = &link;
  link.fabric_.world().waiters().arm(*this, at);
}

void Traveller::fire() {
  if (link_->open()) {
    arrive();
    return;
  }
  held_ = true;
  held_since_ = link_->fabric_.world().now();
  link_->held_.push_back(this);
  detained();
}

bool Link::open() const { return !cut_ && !clogged_ && to_.powered(); }

void Link::set_cut(bool cut) {
  cut_ = cut;
  let_go();
}

void Link::set_clogged(bool clogged) {
  clogged_ = clogged;
  let_go();
}

void Link::set_speed(Duration extra_delay, std::uint64_t bytes_per_second) {
  extra_delay_ = extra_delay;
  bytes_per_second_ = bytes_per_second;
}

Duration Link::arrival(std::size_t bytes) {
  const NetworkOptions& options = fabric_.options();
  Duration now = fabric_.world().now();
  if (&from_ == &to_) return now + kLoopback;
  std::uint64_t speed = bytes_per_second_ ? bytes_per_second_ : options.bytes_per_second;
  if (speed > 0) {
    auto transfer = static_cast<Duration::rep>(bytes * 1'000'000'000 / speed);
    now = busy_until_ = std::max(busy_until_, now) + Duration(transfer);
  }
  return now + extra_delay_ + options.latency.sample(fabric_.dice());
}

void Link::let_go() {
  if (!open()) return;
  World& world = fabric_.world();
  for (Traveller* traveller : std::exchange(held_, {})) {
    traveller->held_ = false;
    // Senders that have waited longer look less often.
    Duration waited = std::min(world.now() - traveller->held_since_, kRetransmitMax);
    world.waiters().arm(*traveller, world.now() + fabric_.dice().between(Duration(0), waited));
  }
}

}  // namespace vortex::sim
