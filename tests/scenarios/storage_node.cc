#include "tests/scenarios/storage_node.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "chunker/pipeline.h"
#include "chunker/unpack.h"
#include "net/basic_service.h"
#include "net/messages/all.h"
#include "node/chunk_service.h"
#include "tests/sim/dice.h"

namespace vortex::sim {

net::Identity ClusterFacts::identity(std::size_t number) const {
  Dice dice(seed, "identity", number);
  return net::Identity::generate(dice);
}

net::Target ClusterFacts::target(std::size_t number) const {
  Address address;
  address.host = "m" + std::to_string(number);
  address.port = kStoragePort;
  return net::Target(identity(number).id(), address);
}

dht::Ring ClusterFacts::ring() const {
  std::vector<dht::RingNode> members;
  for (std::size_t number = 1; number <= nodes; ++number) members.push_back({identity(number).id(), 1, ""});
  return dht::Ring(std::move(members));
}

std::size_t ClusterFacts::number_of(const NodeId& id) const {
  for (std::size_t number = 1; number <= nodes; ++number)
    if (identity(number).id() == id) return number;
  return 0;
}

namespace {

net::Secret cluster_secret(const ClusterFacts& facts) {
  Dice dice(facts.seed, "cluster secret");
  return net::Secret::random(dice);
}

net::LocalEnd local_end(const ClusterFacts& facts, std::size_t number) {
  net::LocalEnd local;
  local.identity = facts.identity(number);
  local.transport = facts.transport;
  return local;
}

ClusterId cluster_id(const ClusterFacts& facts) { return sha256(as_bytes("cluster " + std::to_string(facts.seed))); }

}  // namespace

MemberEnd::MemberEnd(Env& env, const ClusterFacts& facts, std::size_t number)
    : credentials(cluster_id(facts), cluster_secret(facts)),
      handshaker(env.random(), local_end(facts, number), credentials, net::Presented()),
      board(env, dispatcher),
      peers(board, handshaker) {
  net::serve_basics(dispatcher);
}

Task<void> MemberEnd::stop() { return peers.stop(); }

StorageNode::StorageNode(Env& env, const ClusterFacts& facts, std::size_t number)
    : env_(env), end_(env, facts, number), server_(end_.board, end_.handshaker), ending_(env.loop()) {}

Task<void> StorageNode::run() {
  auto store = co_await node::ChunkStore::open(env_, "chunks");
  if (!store.ok()) {
    if (!store.is(Code::cancelled)) env_.fail_stop(store.error().to_string());
    co_return;
  }
  store_ = std::move(*store);
  node::serve_chunks(end_.dispatcher, *store_);
  Address everywhere;
  everywhere.port = kStoragePort;
  Status listening = server_.listen(everywhere);
  CHECK_MSG(listening.ok(), listening.error().to_string());
  if (!stopping_) co_await ending_.park();
  co_await server_.stop();
  co_await end_.stop();
  Status stopped = co_await store_->stop();
  if (!stopped.ok())
    env_.log().warn("node", "the chunk store did not stop well", Field("why", stopped.error().to_string()));
}

Task<void> StorageNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

namespace {

constexpr Duration kCallTimeout = seconds(3);

struct Copy {
  std::size_t node = 0;
  net::CopyName name;
};

Task<void> put_copy(MemberEnd& end, net::Target to, std::size_t node, net::PutChunkRequest request, Buffer stored,
                    std::vector<Copy>& copies) {
  net::CallOptions options(kCallTimeout, std::move(stored));
  auto reply = co_await end.peers.call<net::PutChunk>(std::move(to), std::move(request), std::move(options));
  if (!reply.ok()) co_return;
  Copy copy;
  copy.node = node;
  copy.name = reply->response.copy;
  copies.push_back(copy);
}

Task<void> sync_node(MemberEnd& end, net::Target to, net::SyncChunksRequest request, bool& durable) {
  auto reply =
      co_await end.peers.call<net::SyncChunks>(std::move(to), std::move(request), net::CallOptions(kCallTimeout));
  durable = reply.ok();
}

// One sync for each start of each node that took copies; which of them are durable then?
Task<void> sync_all(Env& env, MemberEnd& end, const ClusterFacts& facts, const std::vector<std::vector<Copy>>& copies,
                    std::map<std::pair<std::size_t, std::uint64_t>, bool>& durable) {
  std::map<std::pair<std::size_t, std::uint64_t>, net::SyncChunksRequest> requests;
  for (const auto& chunk : copies)
    for (const Copy& copy : chunk) {
      net::SyncChunksRequest& request = requests[{copy.node, copy.name.epoch}];
      request.epoch = copy.name.epoch;
      request.sequences.push_back(copy.name.sequence);
    }
  TaskGroup group(env.loop());
  for (auto& [holder, request] : requests)
    group.spawn(sync_node(end, facts.target(holder.first), std::move(request), durable[holder]));
  co_await group.join();
}

Task<Result<ByteVector>> fetch_chunk(MemberEnd& end, const ClusterFacts& facts, chunker::PlacedExtent placed,
                                     std::vector<NodeId> owners) {
  Error last(Code::not_found);
  for (const NodeId& owner : owners) {
    net::GetChunkRequest request;
    request.id = placed.extent.chunk;
    request.length = node::kValueBytesMax;
    auto reply = co_await end.peers.call<net::GetChunk>(facts.target(facts.number_of(owner)), request,
                                                        net::CallOptions(kCallTimeout));
    if (!reply.ok()) {
      if (reply.is(Code::cancelled)) co_return Code::cancelled;
      last = reply.error();
      continue;
    }
    auto plain = chunker::unpack(placed, reply->payload, nullptr, chunker::Trust::nothing);
    if (plain.ok()) co_return to_vector(plain->view());
    last = plain.error();
  }
  co_return last;
}

}  // namespace

Task<Result<StoredFile>> store_file(Env& env, MemberEnd& end, const ClusterFacts& facts, ByteView content,
                                    chunker::Policy policy, std::size_t copies, std::size_t copies_min) {
  dht::Ring ring = facts.ring();
  chunker::Pipeline pipeline(env.loop(), env.pool(), policy, chunker::Pipeline::Options());
  TaskGroup producer(env.loop());
  auto produce = [](chunker::Pipeline& into, ByteView bytes) -> Task<void> {
    Status written = co_await into.write(bytes);
    if (written.ok()) (void)(co_await into.finish()).ok();
  };
  producer.spawn(produce(pipeline, content));
  StoredFile file;
  std::vector<std::vector<Copy>> placed;
  Status failed;
  while (true) {
    auto next = co_await pipeline.next();
    if (!next.ok()) failed = next.error();
    if (!next.ok() || !next->has_value()) break;
    chunker::StoredChunk& chunk = (*next)->chunk;
    chunker::PlacedExtent placed_extent;
    placed_extent.offset = chunk.file_offset;
    placed_extent.extent = chunker::Extent::of(chunk, policy.code);
    file.push_back(placed_extent);
    std::vector<Copy>& here = placed.emplace_back();
    net::PutChunkRequest request;
    request.id = chunk.id;
    TaskGroup puts(env.loop());
    for (const NodeId& owner : ring.owners(chunk.id, copies)) {
      std::size_t number = facts.number_of(owner);
      puts.spawn(put_copy(end, facts.target(number), number, request, chunk.stored, here));
    }
    co_await puts.join();
    if (here.size() < copies_min) {
      failed = Error(Code::too_few_nodes, "a chunk found too few holders");
      break;
    }
  }
  co_await producer.stop();
  co_await pipeline.stop();
  if (!failed.ok()) co_return failed.error();
  std::map<std::pair<std::size_t, std::uint64_t>, bool> durable;
  co_await sync_all(env, end, facts, placed, durable);
  for (const auto& chunk : placed) {
    auto held = std::count_if(chunk.begin(), chunk.end(), [&durable](const Copy& copy) {
      return durable[{copy.node, copy.name.epoch}];
    });
    if (static_cast<std::size_t>(held) < copies_min) co_return Error(Code::too_few_nodes, "too few copies are durable");
  }
  co_return file;
}

Task<Result<ByteVector>> fetch_file(Env&, MemberEnd& end, const ClusterFacts& facts, StoredFile file,
                                    std::size_t copies) {
  dht::Ring ring = facts.ring();
  ByteVector content;
  for (const chunker::PlacedExtent& placed : file) {
    CO_ASSIGN_OR_RETURN(ByteVector plain,
                        co_await fetch_chunk(end, facts, placed, ring.owners(placed.extent.chunk, copies)));
    content.insert(content.end(), plain.begin(), plain.end());
  }
  co_return content;
}

}  // namespace vortex::sim
