// What a node is told when it starts. The same names stand on the command line of vortex-node and in its configuration
// file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/network.h"
#include "base/settings.h"
#include "base/time.h"
#include "dht/members/member.h"
#include "dht/partition/key_space.h"
#include "net/connection_limits.h"
#include "net/secure_handshaker.h"
#include "node/files/policy.h"

namespace vortex::node {

struct NodeOptions {
  std::string version;  // of the program, as it is shown to people

  std::string data;      // directory; made if it is not there
  std::string meta_dir;  // empty: in `data`

  // At most one of these, and only at the first start. `join` is a token, or the name of a file that holds one.
  bool create = false;
  std::string join;

  Address listen;     // 0.0.0.0:7400
  Address advertise;  // what others are told; empty: what `listen` resolves to
  dht::Topology topology = dht::Topology::all_to_all;
  net::Transport transport = net::Transport::tls;
  // host:port, with commas: members to ask where the cluster is now, when all that this node remembers is wrong.
  std::string contact;
  std::string zone;
  std::uint64_t capacity = 0;  // bytes of chunks; 0: what the disk holds
  // Bytes of memory for records. Beyond it writes of metadata are refused ("metadata full"), here and in partitions led
  // here; reading and removing go on.
  std::uint64_t metadata_memory = 4 * kGiB;

  // Of the cluster, with `create`.
  std::uint32_t partitions = 256;
  std::uint32_t replicas = 3;

  std::uint32_t min_replicas = 2;
  std::uint64_t inline_max = kInlineMax;
  Duration heartbeat = milliseconds(300);
  Duration evict_after = std::chrono::minutes(10);
  // So long a chunk stays that nobody refers to any more.
  Duration reclaim_grace = std::chrono::hours(1);

  // No setting of people's: what the process may open decides.
  net::ConnectionLimits connections;

  NodeOptions();
};

inline constexpr std::uint16_t kDefaultPort = 7400;
inline constexpr std::uint32_t kGroupSizeMax = 7;

// Declares them all; `options` outlives `settings`.
void declare(Settings& settings, NodeOptions& options);
// The members to ask, of `contact`.
Result<std::vector<Address>> contacts_of(const NodeOptions& options);
// What one setting alone cannot tell. Errors are bad_config and name the setting.
Status validate(const NodeOptions& options);

}  // namespace vortex::node
