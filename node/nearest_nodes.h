// The members nearest to a partition, for whoever looks for it: found by Kademlia, whatever the topology.
#pragma once

#include <vector>

#include "dht/kademlia/kademlia.h"
#include "dht/records_client/remote_port.h"

namespace vortex::node {

class NearestNodes final : public dht::NodeLookup {
 public:
  NearestNodes(Env& env, dht::Kademlia& kademlia) : env_(env), kademlia_(kademlia) {}

  Task<Result<std::vector<net::Target>>> closest(Id id, std::size_t count, Instant deadline) override {
    dht::FindOptions options;
    options.count = count;
    options.timeout = deadline - env_.now();
    CO_ASSIGN_OR_RETURN(dht::Found found, co_await kademlia_.find(id, options));
    std::vector<net::Target> targets;
    for (const dht::Contact& contact : found.nearest)
      if (contact.id != kademlia_.self().id) targets.emplace_back(contact.id, contact.address);
    co_return targets;
  }

 private:
  Env& env_;
  dht::Kademlia& kademlia_;
};

}  // namespace vortex::node
