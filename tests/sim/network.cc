#include "tests/sim/network.h"

#include <utility>

#include "tests/sim/connection.h"
#include "tests/sim/fabric.h"
#include "tests/sim/process.h"
#include "tests/sim/world.h"

namespace vortex::sim {

namespace {
constexpr Duration kDialAgain = seconds(1);
constexpr Duration kUnknownHost = milliseconds(2);

bool here(const Machine& machine, std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "localhost" || host == "127.0.0.1" ||
         host == machine.host() || host == machine.name();
}
}  // namespace

// Goes to the machine and comes back with its answer.
struct SimNetwork::Dial final : Traveller {
  Dial(Process& p, Machine& t, std::uint16_t port_wanted)
      : process(p), target(t), port(port_wanted), parking(p.loop()) {}

  void start() {
    Link& out = fabric().link(process.machine(), target);
    go(out, out.arrival(0));
  }
  void arrive() override {
    if (answered) {
      parking.wake();
      process.touch();
      return;
    }
    SimListener* listener = fabric().listener(target, port);
    refused = !listener || (fabric().options().refusals > 0 && fabric().dice().chance(fabric().options().refusals));
    // A full queue of connections says nothing; the dialler asks again.
    if (!refused && listener->full()) {
      go(fabric().link(process.machine(), target), process.world().now() + kDialAgain);
      return;
    }
    answered = true;
    Link& back = fabric().link(target, process.machine());
    go(back, back.arrival(0));
  }
  Fabric& fabric() { return process.world().network(); }

  Process& process;
  Machine& target;
  const std::uint16_t port;
  bool answered = false, refused = false;
  Parking parking;
};

Fabric& SimNetwork::fabric() { return process_.world().network(); }

Task<Result<std::unique_ptr<Connection>>> SimNetwork::connect(Address to) {
  if (process_.dead()) {
    co_await process_.yield();
    co_return Code::cancelled;
  }
  Machine* target = fabric().resolve(process_.machine(), to.host);
  if (!target) {
    CO_RETURN_IF_ERROR(co_await sleep_for(process_, kUnknownHost));
    co_return Error(Code::unreachable, "unknown host " + to.host);
  }
  process_.world().note(Happening::dial, &process_.machine(), target->number(), to.port);
  Dial dial(process_, *target, to.port);
  dial.start();
  bool woken = co_await dial.parking.park();
  if (!woken || process_.dead()) co_return Code::cancelled;
  if (dial.refused) {
    process_.world().note(Happening::refused, &process_.machine(), target->number(), to.port);
    co_return Error(Code::unreachable, "connection refused by " + to.to_string());
  }
  process_.world().note(Happening::opened, &process_.machine(), target->number(), to.port);
  Stream& stream = fabric().new_stream(process_.machine(), *target, to.port);
  std::unique_ptr<Connection> connection = std::make_unique<SimConnection>(*this, stream, Stream::Side::dialler);
  co_return std::move(connection);
}

Result<std::unique_ptr<Listener>> SimNetwork::listen(const Address& at) {
  if (process_.dead()) return Code::cancelled;
  if (!here(process_.machine(), at.host))
    return Error(Code::invalid_argument, at.host + " is not an address of this machine");
  std::uint16_t port = at.port;
  while (port == 0 || (at.port == 0 && fabric().listener(process_.machine(), port))) port = fabric().take_port();
  if (fabric().listener(process_.machine(), port)) return Error(Code::in_use, at.to_string());
  std::unique_ptr<Listener> listener = std::make_unique<SimListener>(*this, port);
  return listener;
}

void SimNetwork::disconnect(bool power_cut) {
  while (first_) first_->disconnect(power_cut);
  while (!listeners_.empty()) listeners_.front()->disconnect(power_cut);
}

}  // namespace vortex::sim
