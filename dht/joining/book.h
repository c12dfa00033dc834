// Who may come in: join tokens and access keys. Where they are kept is for whoever implements it.
#pragma once

#include <string>
#include <vector>

#include "base/task.h"
#include "dht/members/member.h"
#include "net/credentials.h"
#include "net/secret.h"

namespace vortex::dht {

struct TokenTerms {
  Duration lifetime = std::chrono::hours(24);
  std::uint32_t uses = 1;

  TokenTerms() {}
};

struct TokenView {
  std::string id;
  WallTime expires;
  std::uint32_t uses_left = 0;
  std::uint32_t redeemed = 0;
};

class Book {
 public:
  virtual ~Book() = default;

  // Durable on return.
  virtual Task<Result<TokenView>> add_token(net::Secret secret, TokenTerms terms, Duration timeout) = 0;
  virtual Task<Result<std::vector<TokenView>>> tokens() = 0;
  // `not_found` when there is none.
  virtual Task<Status> revoke_token(std::string id) = 0;
  // As net::Credentials asks. Redeeming is durable on return.
  virtual Task<Result<net::Secret>> find_token(std::string id) = 0;
  virtual Task<Status> redeem_token(std::string id, NodeId joiner) = 0;
  virtual Task<Result<net::AccessKey>> find_access_key(std::string id) = 0;
};

}  // namespace vortex::dht
