// The access keys and join tokens of a cluster: records that every node reads and whoever administers writes.
#pragma once

#include <string>
#include <vector>

#include "base/env.h"
#include "dht/records.h"
#include "net/credentials.h"
#include "net/join_token.h"
#include "node/access/access_key.h"
#include "node/access/rights.h"

namespace vortex::node {

inline constexpr std::size_t kLabelMax = 128;
inline constexpr std::uint32_t kTokenUsesMax = 1'000;
inline constexpr Duration kTokenLifeMax = std::chrono::hours(24 * 365);

struct AccessKeyInfo {
  std::string id;
  std::string label;
  std::vector<AccessRule> rules;
  std::int64_t created_ns = 0;  // wall time
};

struct JoinTokenInfo {
  std::string id;
  std::int64_t created_ns = 0, expires_ns = 0;  // wall time
  std::uint32_t uses_left = 0;
  std::vector<NodeId> redeemed_by;
};

struct TokenTerms {
  std::uint32_t uses = 1;
  Duration life = std::chrono::hours(24);

  TokenTerms() {}
};

// Every method is linearizable: a key that was revoked opens no door any more; who is inside is sent away by the node's
// KeyWatch. A token that has run out is remembered
// until it is revoked, so that whoever comes with it hears why.
class AccessBook {
 public:
  AccessBook(Env& env, dht::Records& records) : env_(env), records_(records) {}

  // The secret is made here, and given away here only.
  Task<Result<net::Secret>> create_key(std::vector<AccessRule> rules, std::string label, Duration timeout);
  Task<Result<std::vector<AccessKeyInfo>>> keys(Duration timeout);
  Task<Status> revoke_key(std::string id, Duration timeout);
  Task<Result<net::AccessKey>> find_key(std::string id, Duration timeout);

  // `exists` when there is one with this secret.
  Task<Result<JoinTokenInfo>> add_token(net::Secret secret, TokenTerms terms, Duration timeout);
  Task<Result<std::vector<JoinTokenInfo>>> tokens(Duration timeout);
  Task<Status> revoke_token(std::string id, Duration timeout);
  Task<Result<net::Secret>> find_token(std::string id, Duration timeout);
  // Takes a use, and none when this id has redeemed the token before. `expired` when it has run out.
  Task<Status> redeem(std::string id, NodeId joiner, Duration timeout);

  // Is this where keys or tokens are kept? Their records are nobody else's business.
  static bool keeps(const Id& place);

 private:
  std::int64_t wall_now() const;
  // All records of the place, page by page.
  Task<Result<std::vector<dht::Record>>> all(Id place, Duration timeout);
  Task<Status> add(dht::Key key, ByteVector value, Duration timeout);
  Task<Status> revoke(dht::Key key, Duration timeout);

  Env& env_;
  dht::Records& records_;
};

}  // namespace vortex::node
