#include "dht/joining/member_credentials.h"

namespace vortex::dht {

net::Standing MemberCredentials::standing(const NodeId& id) const {
  if (!directory_.knows(id)) return net::Standing::unknown;
  switch (directory_.standing(id)) {
    case Standing::evicted:
      return net::Standing::evicted;
    case Standing::left:
      return net::Standing::unknown;
    default:
      return net::Standing::member;
  }
}

Task<Result<net::AccessKey>> MemberCredentials::find_access_key(std::string id) {
  if (!book_) co_return Code::busy;
  co_return co_await book_->find_access_key(std::move(id));
}

Task<Result<net::Secret>> MemberCredentials::find_join_token(std::string id) {
  if (!book_) co_return Code::busy;
  co_return co_await book_->find_token(std::move(id));
}

Task<Status> MemberCredentials::redeem_join_token(std::string id, NodeId joiner) {
  if (!book_) co_return Code::busy;
  co_return co_await book_->redeem_token(std::move(id), joiner);
}

}  // namespace vortex::dht
