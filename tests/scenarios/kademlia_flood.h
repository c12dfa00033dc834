// Members that misbehave: one that makes up keys as fast as it can, and one that answers with nodes that do not exist.
#pragma once

#include <memory>
#include <vector>

#include "net/messages/kademlia.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"
#include "tests/sim/machine.h"
#include "tests/sim/program.h"

namespace vortex::sim {

class FloodNode final : public Program {
 public:
  struct Plan {
    std::uint64_t world = 0;
    std::uint64_t number = 0;
    std::string host;
    std::size_t identities = 1;  // each listens on a port of its own, so that all of them can be proven
    bool lie = false;            // answers name nodes near the target that nobody has ever seen; otherwise nobody
    std::vector<Address> show_to;
    std::uint64_t* shown = nullptr;
  };
  // Of identity `index` of this plan.
  static net::Identity identity(const Plan& plan, std::size_t index);

  FloodNode(Env& env, Plan plan, net::Credentials& credentials);
  ~FloodNode() override;
  Task<void> run() override;

 private:
  struct End;
  Task<void> show(End& end);
  net::FindNodeResponse answer(const net::FindNodeRequest& request);

  Env& env_;
  const Plan plan_;
  std::vector<std::unique_ptr<End>> ends_;
  Parking ending_;
  TaskGroup tasks_;
};

}  // namespace vortex::sim
