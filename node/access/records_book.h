// The book of who may come in, kept in the cluster's records, so that every node can let a joiner in.
#pragma once

#include "dht/joining/book.h"
#include "node/access/book.h"

namespace vortex::node {

class RecordsBook final : public dht::Book {
 public:
  RecordsBook(Env& env, dht::Records& records) : book_(env, records) {}
  AccessBook& access() { return book_; }

  Task<Result<dht::TokenView>> add_token(net::Secret secret, dht::TokenTerms terms, Duration timeout) override;
  Task<Result<std::vector<dht::TokenView>>> tokens() override;
  Task<Status> revoke_token(std::string id) override;
  Task<Result<net::Secret>> find_token(std::string id) override;
  Task<Status> redeem_token(std::string id, NodeId joiner) override;
  Task<Result<net::AccessKey>> find_access_key(std::string id) override;

 private:
  AccessBook book_;
};

}  // namespace vortex::node
