#include "node/files_stack.h"

#include <algorithm>

namespace vortex::node {

FilesStack::FilesStack(Env& env, net::Dispatcher& dispatcher, dht::Membership& membership, dht::Records& records,
                       ChunkStore& chunks)
    : membership_(membership),
      sealer_([&membership] {
        std::vector<Id> keys;
        for (const net::ClusterKey& key : membership.keys()) keys.push_back(ReceiptSealer::key_of(key.secret.view()));
        return keys;
      }),
      chunk_service_(env, membership.id(), chunks, sealer_),
      view_(membership.directory()),
      others_(membership.peers(), view_),
      holders_(membership.id(), chunks, chunk_service_, others_),
      tree_(env, records),
      names_(tree_),
      chunk_records_(env, records),
      files_(service_, Caller::root()),
      reader_(env, files_, holders_),
      service_(env, names_, chunk_records_, reader_, sealer_, service_options()) {
  chunk_service_.serve(dispatcher);
  service_.serve(dispatcher);
}

FileServiceOptions FilesStack::service_options() {
  FileServiceOptions options;
  options.caller_of = [](const net::Context& context) -> Result<Caller> {
    if (context.peer->role == net::Role::member) return Caller::root();
    Caller caller;
    caller.name = caller.key = context.peer->credential;
    caller.rights = std::dynamic_pointer_cast<const Rights>(context.peer->rights);
    if (!caller.rights) return Error(Code::permission_denied, "this key permits nothing here");
    return caller;
  };
  options.active_nodes = [this] { return std::max<std::size_t>(view_.places(), 1); };
  options.durable_at = [this](const Id& place) { return durable_at ? durable_at(place) : std::size_t(1); };
  options.prove = [this](NodeId node, ChunkId chunk, Duration timeout) {
    return vortex::node::prove(holders_, node, chunk, timeout);
  };
  return options;
}

Task<void> FilesStack::stop() {
  co_await service_.stop();
  co_await tree_.stop();
}

}  // namespace vortex::node
