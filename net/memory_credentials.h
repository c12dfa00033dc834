// Credentials kept in memory: for clients, which have next to none, and for programs and tests that fix them.
#pragma once

#include <map>
#include <set>

#include "net/credentials.h"

namespace vortex::net {

class MemoryCredentials final : public Credentials {
 public:
  // A client's or joiner's: no cluster, no secret, nobody known.
  MemoryCredentials() = default;
  MemoryCredentials(ClusterId cluster, Secret secret) { found(cluster, std::move(secret)); }

  void found(ClusterId cluster, Secret secret);
  // The present secret becomes the one before.
  void replace_secret(Secret secret);
  void forget_replaced();
  void set_standing(const NodeId& id, Standing standing) { standing_[id] = standing; }
  void add_access_key(std::string id, AccessKey key) { access_keys_[std::move(id)] = std::move(key); }
  void remove_access_key(const std::string& id) { access_keys_.erase(id); }
  void add_join_token(std::string id, Secret secret, int uses);

  ClusterId cluster() const override { return cluster_; }
  std::vector<ClusterKey> cluster_keys() const override { return keys_; }
  Standing standing(const NodeId& id) const override;
  Task<Result<AccessKey>> find_access_key(std::string id) override;
  Task<Result<Secret>> find_join_token(std::string id) override;
  Task<Status> redeem_join_token(std::string id, NodeId joiner) override;

 private:
  struct JoinTokenState {
    Secret secret;
    int uses_left = 0;
    std::set<NodeId> redeemed_by;
  };
  ClusterId cluster_;
  std::vector<ClusterKey> keys_;
  std::map<NodeId, Standing> standing_;
  std::map<std::string, AccessKey> access_keys_;
  std::map<std::string, JoinTokenState> join_tokens_;
};

}  // namespace vortex::net
