// What a handshake must look up, and nothing about where it is kept: the upper rooms implement this.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/task.h"
#include "net/secret.h"
#include "net/secure.h"

namespace vortex::net {

// The secret that all members share. `epoch` counts its replacements and is raised by each.
struct ClusterKey {
  std::uint32_t epoch = 0;
  Secret secret;
};

struct AccessKey {
  Secret secret;
  bool expired = false;
  std::shared_ptr<const AccessRights> rights;
};

enum class Standing { unknown, member, evicted };

class Credentials {
 public:
  virtual ~Credentials() = default;

  // Zero while there is none: a client, or a joiner before it was let in.
  virtual ClusterId cluster() const = 0;
  // Newest first: the present one and, while it is being replaced, the one before. Empty for clients and joiners.
  virtual std::vector<ClusterKey> cluster_keys() const = 0;
  // What this node knows about an id right now.
  virtual Standing standing(const NodeId& id) const = 0;

  // `not_found` when there is no such key (or it was revoked). Any other error says that it cannot be looked up now;
  // the caller is told to try again.
  virtual Task<Result<AccessKey>> find_access_key(std::string id) = 0;
  // The same for join tokens, also for used or expired ones as long as they are remembered.
  virtual Task<Result<Secret>> find_join_token(std::string id) = 0;
  // Called when the joiner has proven both the token and its id: takes one use, and none when this id has redeemed the
  // token before. `expired` when it has run out in time or uses.
  virtual Task<Status> redeem_join_token(std::string id, NodeId joiner) = 0;
};

}  // namespace vortex::net
