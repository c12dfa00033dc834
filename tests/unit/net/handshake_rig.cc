#include "tests/unit/net/handshake_rig.h"

#include "base/hash.h"

namespace vortex::net::test {

Identity make_identity(std::uint64_t seed) {
  FixedRandom random(seed * 1'000'003);
  return Identity::generate(random);
}

Secret make_secret(std::uint64_t seed) {
  FixedRandom random(seed * 7'000'001);
  return Secret::random(random);
}

ClusterId make_cluster(std::uint64_t seed) { return sha256(as_bytes("cluster " + std::to_string(seed))); }

Rig::Rig() {
  node.credentials.found(make_cluster(1), make_secret(1));
  caller.credentials.found(make_cluster(1), make_secret(1));
  node.local.boot_epoch = 7;
  node.local.advertised.host = "10.0.0.7";
  node.local.advertised.port = 7400;
  caller.local.boot_epoch = 3;
}

Rig::~Rig() {
  TaskGroup outer(loop);
  outer.spawn(group.stop());
  run();
}

void Rig::run() {
  context.restart();
  context.poll();
}

void Rig::transport(Transport transport) { node.local.transport = caller.local.transport = transport; }

void Rig::make_client(const Secret& secret) {
  caller.credentials = MemoryCredentials();
  caller.local.identity.reset();
  caller.local.boot_epoch = 0;
  caller.presented.proves = Proves::access_key;
  caller.presented.credential = "key-1";
  caller.presented.secret = secret;
  caller.presented.cluster = make_cluster(1);
}

void Rig::make_joiner(const Secret& secret) {
  caller.credentials = MemoryCredentials();
  caller.presented.proves = Proves::join_token;
  caller.presented.credential = "token-1";
  caller.presented.secret = secret;
  caller.presented.cluster = make_cluster(1);
}

Task<void> Rig::call(SecureHandshaker& handshaker, std::unique_ptr<Connection> connection,
                     std::optional<NodeId> expected, Purpose purpose, std::optional<Result<Secured>>& outcome) {
  auto secured = co_await handshaker.as_client(std::move(connection), expected, purpose);
  outcome.emplace(std::move(secured));
}

Task<void> Rig::accept(SecureHandshaker& handshaker, std::unique_ptr<Connection> connection,
                       std::optional<Result<Secured>>& outcome) {
  auto secured = co_await handshaker.as_server(std::move(connection));
  outcome.emplace(std::move(secured));
}

Meeting Rig::meet(Purpose purpose) {
  Meeting meeting;
  SecureHandshaker client = caller.make(), server = node.make();
  pipe = std::make_unique<Pipe>(loop);
  if (arrange) arrange(*pipe);
  group.spawn(accept(server, std::move(pipe->server), meeting.acceptor));
  group.spawn(call(client, std::move(pipe->client), expected, purpose, meeting.caller));
  run();
  for (auto& lane : {pipe->to_server, pipe->to_client}) {
    lane->finished = true;
    lane->changed.notify_all();
  }
  run();
  CHECK(meeting.caller && meeting.acceptor);
  return meeting;
}

std::string say(const std::optional<Result<Secured>>& outcome) {
  if (!outcome) return "nothing yet";
  return outcome->ok() ? "ok" : outcome->error().to_string();
}

bool accepted(const std::optional<Result<Secured>>& outcome) { return outcome && outcome->ok(); }

}  // namespace vortex::net::test
