// Everything between a node's records and the files that it serves: names, chunk records, uploads, reading of
// manifests.
#pragma once

#include <functional>

#include "node/chunk_service.h"
#include "node/fetch/chunk_reader.h"
#include "node/file_service/file_service.h"
#include "node/member_holders.h"
#include "node/members_view.h"

namespace vortex::node {

class FilesStack {
 public:
  // All outlive it. Registers its messages with the dispatcher, which is not in use yet.
  FilesStack(Env& env, net::Dispatcher& dispatcher, dht::Membership& membership, dht::Records& records,
             ChunkStore& chunks);
  Task<void> stop();

  // On how many nodes what is written at a place is durable when it is acknowledged; set before anybody asks.
  std::function<std::size_t(const Id& place)> durable_at;

  Tree& tree() { return tree_; }
  FileService& service() { return service_; }
  ChunkRecords& chunk_records() { return chunk_records_; }
  ChunkReader& reader() { return reader_; }
  MemberHolders& holders() { return holders_; }
  const ReceiptSealer& sealer() const { return sealer_; }
  ChunkService& chunk_service() { return chunk_service_; }

 private:
  FileServiceOptions service_options();

  dht::Membership& membership_;
  ReceiptSealer sealer_;
  ChunkService chunk_service_;
  MembersView view_;
  RemoteHolders others_;
  MemberHolders holders_;
  Tree tree_;
  Namespace names_;
  ChunkRecords chunk_records_;
  LocalFiles files_;  // for the reader: reads chunk records as this node
  ChunkReader reader_;
  FileService service_;
};

}  // namespace vortex::node
