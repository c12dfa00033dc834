// A node that accepts, whoever calls it, and what came of their handshake.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task_group.h"
#include "net/memory_credentials.h"
#include "net/secure_handshaker.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/net/pipe.h"

namespace vortex::net::test {

Identity make_identity(std::uint64_t seed);
Secret make_secret(std::uint64_t seed);
ClusterId make_cluster(std::uint64_t seed);

// One side: its own identity, secrets and randomness.
struct End {
  explicit End(std::uint64_t seed) : random(seed), identity(make_identity(seed)) { local.identity = identity; }
  SecureHandshaker make() { return SecureHandshaker(random, local, credentials, presented); }

  FixedRandom random;
  Identity identity;
  LocalEnd local;
  MemoryCredentials credentials;
  Presented presented;
};

struct Meeting {
  std::optional<Result<Secured>> caller, acceptor;
};

struct Rig {
  asio::io_context context;
  Loop loop{context};
  End node{1};    // accepts; a member of cluster 1 with secret 1
  End caller{2};  // calls; a member too, until the test makes it something else
  std::optional<NodeId> expected;
  std::function<void(Pipe&)> arrange;  // splits, tampering
  std::unique_ptr<Pipe> pipe;
  TaskGroup group{loop};

  Rig();
  ~Rig();
  void run();
  void transport(Transport transport);
  // The caller becomes a client with the key "key-1" and its secret.
  void make_client(const Secret& secret);
  void make_joiner(const Secret& secret);
  // Whoever still waits when nothing more can happen finds the connection cut.
  Meeting meet(Purpose purpose = Purpose::bulk);

  static Task<void> call(SecureHandshaker& handshaker, std::unique_ptr<Connection> connection,
                         std::optional<NodeId> expected, Purpose purpose, std::optional<Result<Secured>>& outcome);
  static Task<void> accept(SecureHandshaker& handshaker, std::unique_ptr<Connection> connection,
                           std::optional<Result<Secured>>& outcome);
};

// "ok" or the error in words.
std::string say(const std::optional<Result<Secured>>& outcome);
bool accepted(const std::optional<Result<Secured>>& outcome);

}  // namespace vortex::net::test
