// What a node keeps of itself: its key, its cluster's secret, how often it has started, and whom it knows. Files
// `identity` and `members` of its data directory; README.md describes them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "dht/members/member.h"
#include "net/credentials.h"
#include "net/identity.h"

namespace vortex::dht {

struct NodeState {
  explicit NodeState(net::Identity key) : identity(std::move(key)) {}

  net::Identity identity;
  std::uint64_t boot_epoch = 0;
  ClusterId cluster;                  // zero before the node belongs to one
  std::vector<net::ClusterKey> keys;  // newest first
  net::ClusterSettings settings;
  Member self;  // as it was last decided; its life is that of an earlier start
};

// The file `identity`. `damaged`, `unsupported_version`: the node must not start.
ByteVector encode_state(const NodeState& state);
Result<NodeState> decode_state(ByteView file);
// The file `members`.
ByteVector encode_contacts(const std::vector<Member>& members);
Result<std::vector<Member>> decode_contacts(ByteView file);

class NodeStore {
 public:
  NodeStore(Env& env, std::string directory) : env_(env), directory_(std::move(directory)) {}

  // Reads the state, or makes a new identity where there is none, and raises the boot epoch: durable on return, so that
  // no two starts have the same.
  Task<Result<NodeState>> open();
  Task<Status> save(const NodeState& state);

  // Whom the node knew; nothing where that cannot be read, since others know it too.
  Task<std::vector<Member>> load_contacts();
  Task<Status> save_contacts(const std::vector<Member>& members);

 private:
  std::string path(const char* name) const { return directory_ + "/" + name; }
  Env& env_;
  const std::string directory_;
};

}  // namespace vortex::dht
