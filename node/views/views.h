// What a node tells people and clients about itself and its cluster, and what administrators may ask of it.
#pragma once

#include <memory>
#include <string>

#include "net/dispatcher.h"
#include "net/messages/deep.h"
#include "net/messages/views.h"
#include "node/access/records_book.h"
#include "node/chunk_store.h"
#include "node/metadata.h"

namespace vortex::node {

class Views {
 public:
  // All outlive it.
  Views(Env& env, dht::Membership& membership, Metadata& metadata, ChunkStore& chunks, RecordsBook& book,
        std::string version);
  // Before the dispatcher is in use.
  void serve(net::Dispatcher& dispatcher);

  net::ListMembersResponse members() const;
  net::NodeReport report() const;
  net::ReportPartitionsResponse partitions() const;

 private:
  // The same asked of every member that is not dead; who does not answer is left out.
  Task<Result<net::ReportNodesResponse>> nodes_everywhere(Instant deadline);
  Task<Result<net::ReportPartitionsResponse>> partitions_everywhere(Instant deadline);

  // `precondition_failed` where partitions would be lost with the node, `busy` where that cannot be told.
  Task<Status> check_eviction(NodeId id, Instant deadline);
  Task<Status> wait_for_eviction(NodeId id, Instant deadline);
  Task<Result<net::SetStandingResponse>> set_standing(net::SetStandingRequest request, Duration timeout);
  Task<Result<net::CreateTokenResponse>> create_token(net::CreateTokenRequest request, Duration timeout);
  Task<Result<net::ListTokensResponse>> list_tokens(Duration timeout);
  Task<Result<net::CreateKeyResponse>> create_key(net::CreateKeyRequest request, Duration timeout);
  Task<Result<net::ListKeysResponse>> list_keys(Duration timeout);
  Task<Result<net::ReadRecordsResponse>> read_records(net::ReadRecordsRequest request, Duration timeout);
  void serve_deep(net::Dispatcher& dispatcher);
  void serve_views(net::Dispatcher& dispatcher);
  void serve_administration(net::Dispatcher& dispatcher);

  Env& env_;
  dht::Membership& membership_;
  Metadata& metadata_;
  ChunkStore& chunks_;
  RecordsBook& book_;
  const std::string version_;
  const Instant started_;
};

// May whoever asks administer the cluster? Members may.
Status may_administer(const net::Context& context);

}  // namespace vortex::node
