// Env's network: one process's sockets.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/network.h"

namespace vortex::sim {

class Fabric;
class Process;
class SimConnection;
class SimListener;

class SimNetwork final : public Network {
 public:
  explicit SimNetwork(Process& process) : process_(process) {}

  Task<Result<std::unique_ptr<Connection>>> connect(Address to) override;
  Result<std::unique_ptr<Listener>> listen(const Address& at) override;

  // Connections open now.
  std::size_t connections() const { return count_; }
  // As the system does when the process dies: everything open is closed, or, without power, falls silent.
  void disconnect(bool power_cut);
  Process& process() { return process_; }
  Fabric& fabric();

 private:
  friend class SimConnection;
  friend class SimListener;
  struct Dial;
  Process& process_;
  SimConnection* first_ = nullptr;
  SimConnection* last_ = nullptr;
  std::size_t count_ = 0;
  std::vector<SimListener*> listeners_;
};

}  // namespace vortex::sim
