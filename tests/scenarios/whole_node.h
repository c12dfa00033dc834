// A whole node as it runs in vortex-node, on a simulated machine; and a client with a key, as the command line is one.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/client/remote_names.h"
#include "node/client/session.h"
#include "node/fetch/fetcher.h"
#include "node/node.h"
#include "node/store/storer.h"
#include "tests/sim/machine.h"
#include "tests/sim/program.h"

namespace vortex::sim {

using EnvWrap = std::function<std::unique_ptr<Env>(Env&)>;

class WholeNode final : public Program {
 public:
  // In the world that `wrap` makes of its machine's, where there is one.
  WholeNode(Env& env, node::NodeOptions options, const EnvWrap& wrap)
      : wrapped_(wrap ? wrap(env) : nullptr),
        env_(wrapped_ ? *wrapped_ : env),
        options_(std::move(options)),
        ending_(env.loop()) {}
  Task<void> run() override;
  Task<void> stop() override;
  node::Node* node() { return node_.get(); }

 private:
  const std::unique_ptr<Env> wrapped_;
  Env& env_;
  const node::NodeOptions options_;
  std::unique_ptr<node::Node> node_;
  Parking ending_;
  bool stopping_ = false;
};

struct ClusterPlan {
  std::size_t nodes = 3;
  dht::Topology topology = dht::Topology::all_to_all;
  net::Transport transport = net::Transport::plain;
  std::uint32_t partitions = 16;
  EnvWrap wrap;
};

// Machines m1, m2, …, each with a node; the first makes the cluster, the others join it. Returns when all are members,
// with the root key; a violation of the world when that takes too long.
node::AccessKeyText start_cluster(World& world, const ClusterPlan& plan);

// One more machine, the next in number, with a node that joins by this token; and whether a node takes part.
void add_node(World& world, const ClusterPlan& plan, std::string token);
bool is_ready(World& world, std::size_t number);

struct WholeClient {
  WholeClient(Env& environment, const ClusterPlan& plan, node::AccessKeyText key);
  Env& env;
  node::Session session;
  node::RemoteFiles files;
  node::RemoteHolders holders;
  node::RemoteNames names;
  node::Storer storer;
  node::Fetcher fetcher;
};

}  // namespace vortex::sim
