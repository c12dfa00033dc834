#include "node/access/records_book.h"

namespace vortex::node {

namespace {

// Handshakes wait for the answer, and are bounded themselves.
constexpr Duration kPatience = seconds(5);

dht::TokenView view_of(const JoinTokenInfo& info) {
  dht::TokenView view;
  view.id = info.id;
  view.expires = WallTime(Duration(info.expires_ns));
  view.uses_left = info.uses_left;
  view.redeemed = static_cast<std::uint32_t>(info.redeemed_by.size());
  return view;
}

}  // namespace

Task<Result<dht::TokenView>> RecordsBook::add_token(net::Secret secret, dht::TokenTerms terms, Duration timeout) {
  TokenTerms ours;
  ours.uses = terms.uses;
  ours.life = terms.lifetime;
  CO_ASSIGN_OR_RETURN(JoinTokenInfo info, co_await book_.add_token(secret, ours, timeout));
  co_return view_of(info);
}

Task<Result<std::vector<dht::TokenView>>> RecordsBook::tokens() {
  CO_ASSIGN_OR_RETURN(std::vector<JoinTokenInfo> all, co_await book_.tokens(kPatience));
  std::vector<dht::TokenView> views;
  for (const JoinTokenInfo& info : all) views.push_back(view_of(info));
  co_return views;
}

Task<Status> RecordsBook::revoke_token(std::string id) {
  co_return co_await book_.revoke_token(std::move(id), kPatience);
}

Task<Result<net::Secret>> RecordsBook::find_token(std::string id) {
  co_return co_await book_.find_token(std::move(id), kPatience);
}

Task<Status> RecordsBook::redeem_token(std::string id, NodeId joiner) {
  co_return co_await book_.redeem(std::move(id), joiner, kPatience);
}

Task<Result<net::AccessKey>> RecordsBook::find_access_key(std::string id) {
  co_return co_await book_.find_key(std::move(id), kPatience);
}

}  // namespace vortex::node
