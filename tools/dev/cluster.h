// A cluster of real processes on this machine, for trying and testing. All of it lives in one directory:
// cluster.json (what runs), client.json (for `vortex --config`), and node-1, node-2, … with each node's data and log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "tools/dev/child.h"

namespace vortex::dev {

struct DevNode {
  std::size_t index = 0;  // from 1
  Child child;
  std::string address;
  std::string data;
};

struct ClusterOptions {
  std::size_t nodes = 5;
  std::uint16_t base_port = 7400;  // node I listens on base_port + I - 1
  std::string topology = "all-to-all";
  std::string transport = "tls";
  std::vector<std::string> more;  // further flags, given to every node at every start
};

inline constexpr std::size_t kDevNodesMax = 100;

class Cluster {
 public:
  // `exists` when there is one in the directory already.
  static Result<Cluster> create(std::string directory, ClusterOptions options);
  // `not_found` when there is none.
  static Result<Cluster> open(std::string directory);

  const std::vector<DevNode>& nodes() const { return nodes_; }
  std::string client_config() const { return directory_ + "/client.json"; }

  // `not_found` when there is no such node; nothing when it is in that state already.
  Status start(std::size_t index);
  Status stop(std::size_t index);
  Status kill(std::size_t index);
  // One more node joins; returns its index.
  Result<std::size_t> add();
  // Ends all nodes and removes the directory.
  Status down();

 private:
  explicit Cluster(std::string directory) : directory_(std::move(directory)) {}
  Result<DevNode*> find(std::size_t index);
  Status launch(DevNode& node, const std::vector<std::string>& first_time);
  Status end(std::size_t index, int signal);
  Status save() const;
  Status save_client() const;

  std::string directory_;
  ClusterOptions options_;
  std::vector<DevNode> nodes_;
};

}  // namespace vortex::dev
