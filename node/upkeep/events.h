// What happened on this node lately, for people: the last few hundred, in memory.
#pragma once

#include <deque>
#include <string>

#include "base/env.h"
#include "net/messages/repair.h"

namespace vortex::node {

inline constexpr std::size_t kEventsKept = 512;
inline constexpr std::size_t kEventTextMax = 400;

class Events {
 public:
  Events(Env& env, NodeId self) : env_(env), self_(self) {}
  // Kept, and written to the log.
  void add(std::string kind, std::string text);
  // The latest, oldest first.
  std::vector<net::EventReport> latest(std::size_t max) const;

 private:
  Env& env_;
  const NodeId self_;
  std::deque<net::EventReport> events_;
};

}  // namespace vortex::node
