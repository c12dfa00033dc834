#include "tests/unit/net/node.h"

namespace vortex::net::test {

NetProgram::NetProgram(Env& env, std::uint32_t number)
    : handshaker(id_of(number), Role::member),
      board(env, dispatcher),
      server(board, handshaker),
      peers(board, handshaker),
      env_(env),
      ending_(env.loop()),
      closing_(env.loop()) {
  serve_basics(dispatcher);
}

Task<void> NetProgram::run() {
  Address everywhere;
  everywhere.port = kPort;
  Status listening = server.listen(everywhere);
  CHECK_MSG(listening.ok(), listening.error().to_string());
  co_await ending_.park();
  closing_.spawn(peers.stop());
  closing_.spawn(server.stop());
  co_await closing_.join();
}

Task<void> NetProgram::stop() {
  ending_.wake();
  co_return;
}

NetProgram& start_node(sim::Machine& machine) {
  machine.start([number = machine.number()](Env& env) -> std::unique_ptr<sim::Program> {
    return std::make_unique<NetProgram>(env, number);
  });
  return machine.as<NetProgram>();
}

EchoRequest echo_request(std::string_view text) {
  EchoRequest request;
  request.data = to_vector(as_bytes(text));
  return request;
}

}  // namespace vortex::net::test
