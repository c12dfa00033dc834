// The book in a file of this node's own: `book` in its data directory.
#pragma once

#include <map>
#include <set>

#include "base/env.h"
#include "base/event.h"
#include "dht/joining/book.h"

namespace vortex::dht {

inline constexpr std::size_t kTokensMax = 1024;
inline constexpr std::uint32_t kTokenUsesMax = 16'384;

class LocalBook final : public Book {
 public:
  LocalBook(Env& env, std::string directory);

  // `damaged`: the tokens are lost; new ones can be made when the file is removed.
  Task<Status> load();

  Task<Result<TokenView>> add_token(net::Secret secret, TokenTerms terms) override;
  Task<Result<std::vector<TokenView>>> tokens() override;
  Task<Status> revoke_token(std::string id) override;
  Task<Result<net::Secret>> find_token(std::string id) override;
  Task<Status> redeem_token(std::string id, NodeId joiner) override;
  Task<Result<net::AccessKey>> find_access_key(std::string id) override;

 private:
  struct Token {
    std::string id;
    net::Secret secret;
    std::int64_t expires_ns = 0;  // wall time
    std::uint32_t uses_left = 0;
    std::vector<NodeId> redeemed_by;
    VORTEX_FIELDS(id, secret, expires_ns, uses_left, redeemed_by)
  };
  std::int64_t wall_ns() const;
  bool expired(const Token& token) const { return wall_ns() >= token.expires_ns; }
  TokenView view(const Token& token) const;
  void forget_old();
  // Returns when a write that holds everything up to now is durable; those who wait together share it.
  Task<Status> write();

  Env& env_;
  const std::string directory_;
  std::map<std::string, Token> tokens_;
  std::uint64_t changes_ = 0, written_ = 0;  // how many changes there were, and are durable
  bool writing_ = false;
  Event written_event_;
};

}  // namespace vortex::dht
