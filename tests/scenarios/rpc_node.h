// A node of a scenario that is nothing but network: it serves Echo, slowly where it is asked to, and calls others.
#pragma once

#include "net/memory_credentials.h"
#include "net/messages/basic.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tests/sim/world.h"

namespace vortex::sim {

inline constexpr std::uint16_t kRpcPort = 7400;

struct RpcSettings {
  net::Transport transport = net::Transport::plain;
  // How long Echo takes at most.
  Duration patience{0};
};

class RpcNode {
 public:
  RpcNode(Env& env, World& world, std::uint32_t number, RpcSettings settings);

  // One of a kind for each machine of a world, the same in every process of it.
  static net::Identity identity(const World& world, std::uint32_t number);
  Status listen();
  Task<void> stop();

  Env& env;

 private:
  net::MemoryCredentials credentials_;
  net::Dispatcher dispatcher_;

 public:
  net::SecureHandshaker handshaker;
  net::Switchboard board;
  net::Server server;
  net::Peers peers;

 private:
  TaskGroup closing_;
};

net::EchoRequest echo_request(std::size_t size);

}  // namespace vortex::sim
