#include "node/upkeep/events.h"

#include <algorithm>

#include "base/log.h"

namespace vortex::node {

void Events::add(std::string kind, std::string text) {
  if (text.size() > kEventTextMax) text.resize(kEventTextMax);
  env_.log().info("events", text, Field("kind", kind));
  if (events_.size() >= kEventsKept) events_.pop_front();
  net::EventReport& event = events_.emplace_back();
  event.time_ns = env_.clock().wall_now().time_since_epoch().count();
  event.node = self_;
  event.kind = std::move(kind);
  event.text = std::move(text);
}

std::vector<net::EventReport> Events::latest(std::size_t max) const {
  std::size_t count = std::min(max, events_.size());
  return std::vector<net::EventReport>(events_.end() - static_cast<std::ptrdiff_t>(count), events_.end());
}

}  // namespace vortex::node
