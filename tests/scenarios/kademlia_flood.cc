#include "tests/scenarios/kademlia_flood.h"

#include <utility>

#include "tests/sim/dice.h"

namespace vortex::sim {

namespace {
constexpr std::uint16_t kFirstPort = 9000;
constexpr std::size_t kInventedBits = 24;

net::LocalEnd flood_end(const FloodNode::Plan& plan, std::size_t index) {
  net::LocalEnd local;
  local.identity = FloodNode::identity(plan, index);
  local.transport = net::Transport::plain;
  local.advertised.host = plan.host;
  local.advertised.port = static_cast<std::uint16_t>(kFirstPort + index);
  return local;
}
}  // namespace

net::Identity FloodNode::identity(const Plan& plan, std::size_t index) {
  Dice dice(plan.world, "flood", plan.number * 100'000 + index);
  return net::Identity::generate(dice);
}

struct FloodNode::End {
  End(Env& env, const Plan& plan, std::size_t index, net::Credentials& credentials)
      : handshaker(env.random(), flood_end(plan, index), credentials, net::Presented()),
        board(env, dispatcher),
        server(board, handshaker),
        peers(board, handshaker) {
    listen_at.port = static_cast<std::uint16_t>(kFirstPort + index);
  }
  Address listen_at;
  net::SecureHandshaker handshaker;
  net::Dispatcher dispatcher;
  net::Switchboard board;
  net::Server server;
  net::Peers peers;
};

FloodNode::FloodNode(Env& env, Plan plan, net::Credentials& credentials)
    : env_(env), plan_(std::move(plan)), ending_(env.loop()), tasks_(env.loop()) {
  for (std::size_t i = 0; i < plan_.identities; ++i) {
    ends_.push_back(std::make_unique<End>(env, plan_, i, credentials));
    ends_.back()->dispatcher.on<net::FindNode>(
        [this](net::Context&, net::FindNodeRequest& request) -> Result<net::FindNodeResponse> {
          return answer(request);
        });
  }
}

FloodNode::~FloodNode() = default;

net::FindNodeResponse FloodNode::answer(const net::FindNodeRequest& request) {
  net::FindNodeResponse response;
  for (std::size_t i = 0; plan_.lie && i < request.count; ++i) {
    net::Contact& contact = response.nodes.emplace_back();
    contact.id = env_.random().id();
    for (std::size_t k = 0; k < kInventedBits / 8; ++k) contact.id.bytes[k] = request.target.bytes[k];
    contact.address = plan_.show_to[env_.random().below(plan_.show_to.size())];
    contact.address.port = static_cast<std::uint16_t>(20'000 + env_.random().below(10'000));
  }
  return response;
}

Task<void> FloodNode::show(End& end) {
  for (const Address& address : plan_.show_to) {
    net::Target to(address);
    net::FindNodeRequest request;
    request.target = env_.random().id();
    request.count = 16;
    auto reply = co_await end.peers.call<net::FindNode>(std::move(to), std::move(request));
    if (reply.is(Code::cancelled)) co_return;
  }
  ++*plan_.shown;
}

Task<void> FloodNode::run() {
  for (auto& end : ends_) {
    Status listening = end->server.listen(end->listen_at);
    CHECK_MSG(listening.ok(), listening.error().to_string());
    tasks_.spawn(show(*end));
  }
  co_await ending_.park();
  co_await tasks_.stop();
  for (auto& end : ends_) {
    co_await end->peers.stop();
    co_await end->server.stop();
  }
}

}  // namespace vortex::sim
