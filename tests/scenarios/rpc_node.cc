#include "tests/scenarios/rpc_node.h"

namespace vortex::sim {

namespace {

net::LocalEnd local_end(const World& world, std::uint32_t number, net::Transport transport) {
  net::LocalEnd local;
  local.identity = RpcNode::identity(world, number);
  local.boot_epoch = 1;
  local.transport = transport;
  return local;
}

net::MemoryCredentials credentials_of(const World& world) {
  Dice dice = world.dice("cluster");
  Id cluster = dice.id();
  return net::MemoryCredentials(cluster, net::Secret::random(dice));
}

class SlowEcho {
 public:
  SlowEcho(Env& env, Duration patience) : env_(&env), patience_(patience) {}
  Task<Result<net::Reply<net::Echo>>> operator()(net::Context context, net::EchoRequest request) const {
    auto longest = static_cast<std::uint64_t>(patience_.count());
    CO_RETURN_IF_ERROR(co_await sleep_for(*env_, Duration(env_->random().below(longest))));
    net::EchoResponse response;
    response.data = std::move(request.data);
    co_return net::Reply<net::Echo>(std::move(response), std::move(context.payload));
  }

 private:
  Env* env_;
  Duration patience_;
};

Result<net::Reply<net::Echo>> echo_at_once(net::Context& context, net::EchoRequest& request) {
  net::EchoResponse response;
  response.data = std::move(request.data);
  return net::Reply<net::Echo>(std::move(response), std::move(context.payload));
}

}  // namespace

net::Identity RpcNode::identity(const World& world, std::uint32_t number) {
  Dice dice = world.dice("identity", number);
  return net::Identity::generate(dice);
}

RpcNode::RpcNode(Env& e, World& world, std::uint32_t number, RpcSettings settings)
    : env(e),
      credentials_(credentials_of(world)),
      handshaker(e.random(), local_end(world, number, settings.transport), credentials_, net::Presented()),
      board(e, dispatcher_),
      server(board, handshaker),
      peers(board, handshaker),
      closing_(e.loop()) {
  if (settings.patience > Duration(0)) {
    dispatcher_.on<net::Echo>(SlowEcho(e, settings.patience));
  } else {
    dispatcher_.on<net::Echo>(echo_at_once);
  }
}

Status RpcNode::listen() {
  Address everywhere;
  everywhere.port = kRpcPort;
  return server.listen(everywhere);
}

Task<void> RpcNode::stop() {
  closing_.spawn(peers.stop());
  closing_.spawn(server.stop());
  co_await closing_.join();
}

net::EchoRequest echo_request(std::size_t size) {
  net::EchoRequest request;
  request.data.assign(size, 'x');
  return request;
}

}  // namespace vortex::sim
