#include "tests/scenarios/storage_node.h"

#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "net/basic_service.h"
#include "tests/sim/dice.h"
#include "tests/sim/world.h"

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

dht::Ring ring_of(const ClusterFacts& facts) {
  std::vector<dht::RingNode> members;
  for (std::size_t number = 1; number <= facts.nodes; ++number) members.push_back({facts.identity(number).id(), 1, ""});
  return dht::Ring(std::move(members));
}

node::FileServiceOptions service_options(const ClusterFacts& facts, node::ChunkHolders& holders) {
  node::FileServiceOptions options;
  std::size_t nodes = facts.nodes;
  options.active_nodes = [nodes] { return nodes; };
  options.caller_of = [](const net::Context&) -> Result<node::Caller> { return node::Caller::root(); };
  options.prove = [&holders](NodeId node, ChunkId chunk, Duration timeout) {
    return node::prove(holders, node, chunk, timeout);
  };
  return options;
}

}  // namespace

MemberEnd::MemberEnd(Env& env, const ClusterFacts& known, std::size_t number, node::ClusterView* view)
    : facts(known),
      credentials(cluster_id(facts), cluster_secret(facts)),
      handshaker(env.random(), local_end(facts, number), credentials, net::Presented()),
      board(env, dispatcher),
      peers(board, handshaker),
      holders(peers, *this),
      ring_(ring_of(facts)),
      view_(view) {
  net::serve_basics(dispatcher);
}

Task<void> MemberEnd::stop() { return peers.stop(); }

StorageNode::StorageNode(Env& env, const ClusterFacts& facts, std::size_t number)
    : env_(env),
      end_(env, facts, number),
      number_(number),
      server_(end_.board, end_.handshaker),
      sealer_(as_bytes("receipts of " + std::to_string(facts.seed))),
      records_(env, *facts.partitions, facts.records),
      tree_(env, records_),
      names_(tree_),
      chunk_records_(env, records_),
      files_(file_service_, node::Caller::root()),
      reader_(env, files_, end_.holders),
      file_service_(env, names_, chunk_records_, reader_, sealer_, service_options(facts, end_.holders)),
      ending_(env.loop()) {}

Task<void> StorageNode::run() {
  node::ChunkStoreOptions options;
  options.check = node::is_chunk;
  auto store = co_await node::ChunkStore::open(env_, "chunks", std::move(options));
  if (store.ok()) {
    store_ = std::move(*store);
    NodeId self = end_.facts.identity(number_).id();
    chunk_service_ = std::make_unique<node::ChunkService>(env_, self, *store_, sealer_);
    chunk_service_->serve(end_.dispatcher);
    file_service_.serve(end_.dispatcher);
    Address everywhere;
    everywhere.port = kStoragePort;
    Status listening = server_.listen(everywhere);
    CHECK_MSG(listening.ok(), listening.error().to_string());
    if (!stopping_) co_await ending_.park();
  } else if (!store.is(Code::cancelled)) {
    env_.fail_stop(store.error().to_string());
  }
  co_await server_.stop();
  co_await file_service_.stop();
  co_await tree_.stop();
  co_await end_.stop();
  if (!store_) co_return;
  Status stopped = co_await store_->stop();
  if (!stopped.ok())
    env_.log().warn("node", "the chunk store did not stop well", Field("why", stopped.error().to_string()));
}

Task<void> StorageNode::stop() {
  stopping_ = true;
  ending_.wake();
  co_return;
}

ClientEnd::ClientEnd(Env& env, const ClusterFacts& facts, std::size_t number, node::ClusterView* view)
    : end(env, facts, number, view),
      files(env, end.peers, *this),
      storer(env, files, end.holders),
      fetcher(env, files, end.holders),
      current_(number) {}

void make_root(World& world, Machine& machine, dht::LocalPartitions& partitions, node::FilePolicy policy) {
  auto body = [](Env& env, dht::LocalPartitions* in, node::FilePolicy with) -> Task<Status> {
    dht::LocalRecords records(env, *in);
    node::Tree tree(env, records);
    Status made = co_await tree.create_root(node::Attributes(), with, seconds(10));
    co_await tree.stop();
    co_return made;
  };
  Status made = world.run(machine, body, &partitions, policy);
  CHECK_MSG(made.ok(), made.error().to_string());
}

}  // namespace vortex::sim
