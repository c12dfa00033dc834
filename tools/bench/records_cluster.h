// Nodes that hold nothing but records, in this process, each with a loop and a thread of its own, and a client of them.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/real/runner.h"
#include "dht/groups/host.h"
#include "dht/heartbeat/heartbeats.h"
#include "dht/members/directory.h"
#include "dht/partition/machine.h"
#include "dht/records_client/records_client.h"
#include "dht/records_client/records_server.h"
#include "dht/records_client/remote_port.h"
#include "net/memory_credentials.h"
#include "net/peers.h"
#include "net/secure_handshaker.h"
#include "net/server.h"

namespace vortex::bench {

// A member's end of the network, on a loop of its own.
class RecordsEnd {
 public:
  // Its identity follows from its number, so that it is the same after a restart.
  explicit RecordsEnd(std::uint64_t number, std::uint64_t boot_epoch = 1);
  Env& env() { return runner_.env(); }
  const NodeId& id() const { return id_; }

 protected:
  Runner runner_;
  NodeId id_;
  net::Dispatcher dispatcher_;
  net::MemoryCredentials credentials_;
  net::SecureHandshaker handshaker_;
  net::Switchboard board_;
  net::Peers peers_;

 private:
  net::LocalEnd local_end(std::uint64_t number, std::uint64_t boot_epoch);
};

// Who is where.
using Places = std::vector<net::Target>;

class RecordsNode final : public RecordsEnd {
 public:
  RecordsNode(std::uint64_t number, std::uint64_t boot_epoch, std::string directory, std::uint32_t partitions);
  ~RecordsNode();

  // Its thread runs from here to leave(). Where it listens.
  Result<net::Target> listen();
  // Opens what is on its disk; `founder` makes the partitions, each with three of these nodes as voters, itself among
  // them, as far as they are missing. How many seconds opening took.
  Result<double> join(Places everybody, bool founder);
  void leave();

 private:
  Task<int> live();
  Task<Status> open();
  Task<Status> found();
  Places members_of(std::uint32_t partition) const;
  Task<Status> grow(std::uint32_t partition);
  Task<void> close();
  void fill_directory();
  static dht::HeartbeatOptions beats_of(const NodeId& id);
  dht::AddressOf addresses() const;

  const std::uint64_t boot_epoch_;
  const std::string directory_path_;
  const std::uint32_t partitions_;
  Places everybody_;
  bool founder_ = false;
  double opening_ = 0;
  dht::Directory directory_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<dht::Heartbeats> heartbeats_;
  dht::PartitionMachines machines_;
  dht::PartitionTable table_;
  std::unique_ptr<dht::groups::Host> host_;
  std::unique_ptr<dht::RecordsServer> records_;
  Parking turn_;
  bool joined_ = false, leaving_ = false;
  std::promise<Result<net::Target>> listening_;
  std::promise<Result<double>> ready_;
  std::thread thread_;
};

class RecordsUser final : public RecordsEnd {
 public:
  explicit RecordsUser(Places everybody);
  using Work = std::function<Task<Result<double>>(Env&, dht::RecordsClient&)>;
  Result<double> run(const Work& work);

 private:
  Task<int> body(const Work& work, Result<double>& result);
  dht::PartitionTable table_;
  dht::RemotePort port_;
  dht::RecordsClient client_;
};

struct RecordsClusterOptions {
  std::string directory;  // one folder a node is made in it
  std::size_t nodes = 3;
  std::uint32_t partitions = 16;
  std::uint64_t boot_epoch = 1;  // raised when the same directory is used again
};

class RecordsCluster {
 public:
  // Up, with a leader in every partition. `opening` becomes the longest time in which a node read its disk.
  static Result<std::unique_ptr<RecordsCluster>> start(const RecordsClusterOptions& options, double* opening = nullptr);
  const Places& places() const { return places_; }

 private:
  std::vector<std::unique_ptr<RecordsNode>> nodes_;
  Places places_;
};

}  // namespace vortex::bench
