// What handshakes look up, out of what a member knows: its state, its directory, and the book.
#pragma once

#include "dht/joining/book.h"
#include "dht/joining/node_state.h"
#include "dht/members/directory.h"
#include "net/credentials.h"

namespace vortex::dht {

class MemberCredentials final : public net::Credentials {
 public:
  // All outlive it.
  MemberCredentials(const NodeState& state, const Directory& directory) : state_(state), directory_(directory) {}
  // From now on what it says counts; before nobody comes in with a key or a token.
  void use(Book& book) { book_ = &book; }

  // Before a joiner was let in it belongs to no cluster, though it may know which one it wants.
  ClusterId cluster() const override { return state_.cluster; }
  std::vector<net::ClusterKey> cluster_keys() const override { return state_.keys; }
  net::Standing standing(const NodeId& id) const override;
  Task<Result<net::AccessKey>> find_access_key(std::string id) override;
  Task<Result<net::Secret>> find_join_token(std::string id) override;
  Task<Status> redeem_join_token(std::string id, NodeId joiner) override;

 private:
  const NodeState& state_;
  const Directory& directory_;
  Book* book_ = nullptr;
};

}  // namespace vortex::dht
