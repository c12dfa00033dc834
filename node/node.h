// A whole node: everything that runs in one vortex-node, in one object. The program, tests in simulation and programs
// that embed a node all start it here.
#pragma once

#include <memory>

#include "base/env.h"
#include "node/options.h"

namespace vortex::node {

class Node {
 public:
  // Returns when the node takes part in its cluster and answers requests. What is wrong with the data directory
  // (another cluster's, a newer version's, in use) and with the cluster (no token, refused) comes back as an error.
  static Task<Result<std::unique_ptr<Node>>> start(Env& env, NodeOptions options);
  // After stop().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Finishes what is in flight, hands leaderships over and leaves everything durable.
  Task<void> stop();

  NodeId id() const;
  ClusterId cluster() const;
  // Where others reach it, with the real port.
  Address address() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace vortex::node
