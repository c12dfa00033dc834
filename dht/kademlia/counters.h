// What a Kademlia counts.
#pragma once

#include "base/metrics.h"
#include "dht/kademlia/kademlia.h"

namespace vortex::dht {

struct Kademlia::Counters {
  explicit Counters(Metrics& metrics);
  Counter &lookups, &lookups_failed, &requests, &questions, &checks, &checks_failed;
  Gauge& contacts;
  Histogram& hops;
};

}  // namespace vortex::dht
