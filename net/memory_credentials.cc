#include "net/memory_credentials.h"

#include "base/check.h"
#include "net/hello.h"

namespace vortex::net {

void MemoryCredentials::found(ClusterId cluster, Secret secret) {
  cluster_ = cluster;
  keys_.clear();
  replace_secret(std::move(secret));
}

void MemoryCredentials::replace_secret(Secret secret) {
  ClusterKey key;
  key.epoch = keys_.empty() ? 1 : keys_.front().epoch + 1;
  key.secret = std::move(secret);
  keys_.insert(keys_.begin(), std::move(key));
  if (keys_.size() > kClusterKeysMax) keys_.resize(kClusterKeysMax);
}

void MemoryCredentials::forget_replaced() {
  CHECK(!keys_.empty());
  keys_.resize(1);
}

void MemoryCredentials::add_join_token(std::string id, Secret secret, int uses) {
  JoinTokenState& token = join_tokens_[std::move(id)];
  token.secret = std::move(secret);
  token.uses_left = uses;
}

Standing MemoryCredentials::standing(const NodeId& id) const {
  auto known = standing_.find(id);
  return known == standing_.end() ? Standing::unknown : known->second;
}

Task<Result<AccessKey>> MemoryCredentials::find_access_key(std::string id) {
  auto key = access_keys_.find(id);
  if (key == access_keys_.end()) co_return Code::not_found;
  co_return key->second;
}

Task<Result<Secret>> MemoryCredentials::find_join_token(std::string id) {
  auto token = join_tokens_.find(id);
  if (token == join_tokens_.end()) co_return Code::not_found;
  co_return token->second.secret;
}

Task<Status> MemoryCredentials::redeem_join_token(std::string id, NodeId joiner) {
  auto token = join_tokens_.find(id);
  if (token == join_tokens_.end()) co_return Code::expired;
  if (token->second.redeemed_by.contains(joiner)) co_return Status();
  if (token->second.uses_left == 0) co_return Code::expired;
  --token->second.uses_left;
  token->second.redeemed_by.insert(joiner);
  co_return Status();
}

}  // namespace vortex::net
