// A node that is nothing but network: it serves the basic messages and calls others.
#pragma once

#include "net/basic_service.h"
#include "net/messages/basic.h"
#include "net/peers.h"
#include "net/server.h"
#include "tests/sim/world.h"
#include "tests/unit/net/trusting_handshaker.h"

namespace vortex::net::test {

inline constexpr std::uint16_t kPort = 7400;

// What a machine's number says about its id.
inline NodeId id_of(std::uint32_t number) {
  NodeId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  id.bytes[31] = 1;
  return id;
}
inline Target target_of(sim::Machine& machine) { return Target(id_of(machine.number()), machine.address(kPort)); }

class NetProgram final : public sim::Program {
 public:
  NetProgram(Env& env, std::uint32_t number);
  Task<void> run() override;
  Task<void> stop() override;

  Env& env() { return env_; }
  Dispatcher dispatcher;
  TrustingHandshaker handshaker;
  Switchboard board;
  Server server;
  Peers peers;

 private:
  Env& env_;
  Parking ending_;
  TaskGroup closing_;
};

// The machine starts such a program.
NetProgram& start_node(sim::Machine& machine);

EchoRequest echo_request(std::string_view text);

}  // namespace vortex::net::test
