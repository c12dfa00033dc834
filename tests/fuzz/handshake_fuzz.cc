// Bytes from anywhere as what the other side of a handshake says, and as each of its parts.
#include <algorithm>

#include "base/check.h"
#include "base/task_group.h"
#include "net/hello_io.h"
#include "net/join_token.h"
#include "net/memory_credentials.h"
#include "net/secure_handshaker.h"

using namespace vortex;
using namespace vortex::net;

namespace {

class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(next());
  }
  std::uint64_t next() override { return (state_ = state_ * 6364136223846793005u + 1442695040888963407u) >> 32; }

 private:
  std::uint64_t state_ = 1;
};

// Says what the input says and then leaves; hears everything.
class Scripted final : public Connection {
 public:
  explicit Scripted(ByteView says) : says_(says) {}
  Task<Result<std::size_t>> read_some(MutableBytes into) override {
    if (closed_) co_return Code::closed;
    if (says_.empty()) co_return Code::end_of_stream;
    std::size_t size = std::min(into.size(), says_.size());
    std::copy_n(says_.begin(), size, into.begin());
    says_ = says_.subspan(size);
    co_return size;
  }
  Task<Status> write(std::span<const ByteView> pieces) override {
    for (ByteView piece : pieces) written_ += piece.size();
    // What we say to a stranger is bounded too.
    CHECK(written_ < 64 * 1024);
    co_return Status();
  }
  void close() override { closed_ = true; }
  Address peer() const override { return Address(); }
  Address local() const override { return Address(); }

 private:
  ByteView says_;
  std::size_t written_ = 0;
  bool closed_ = false;
};

Secret secret_of(std::uint8_t byte) { return *Secret::from_bytes(ByteVector(Secret::kSize, byte)); }

struct Node {
  Node() : identity(Identity::generate(random)) {
    local.identity = identity;
    local.transport = Transport::plain;
    ClusterId cluster;
    cluster.bytes.fill(0xc1);
    credentials.found(cluster, secret_of(1));
    credentials.replace_secret(secret_of(2));
    AccessKey key;
    key.secret = secret_of(3);
    credentials.add_access_key("key-1", key);
    credentials.add_join_token("token-1", secret_of(4), 1);
  }
  CountingRandom random;
  Identity identity;
  LocalEnd local;
  MemoryCredentials credentials;
};

Node& node() {
  static Node made;
  return made;
}

// Nobody who does not know a secret may come in.
Task<void> accept(SecureHandshaker& handshaker, ByteView says) {
  auto secured = co_await handshaker.as_server(std::make_unique<Scripted>(says));
  CHECK(!secured.ok());
}

Task<void> call(SecureHandshaker& handshaker, ByteView says) {
  auto secured = co_await handshaker.as_client(std::make_unique<Scripted>(says), std::nullopt, Purpose::bulk);
  CHECK(!secured.ok());
}

// The Hello inside TLS, from a caller with a throw-away certificate.
Task<void> accept_inside_tls(ByteView says) {
  Scripted stream(says);
  HelloStream over{stream, Id(), NodeId(), std::nullopt};
  auto peer = co_await accept_hello(node().random, node().local, node().credentials, over);
  CHECK(!peer.ok());
}

// The input is a Hello; its proof is made as well as whoever knows the access key could make it.
Task<void> accept_insider(ByteView body) {
  auto hello = parse_hello<Hello>(body);
  if (!hello.ok()) co_return;
  ByteVector says = make_hello(*hello);
  CHECK(equal(hello_body(says), body));
  Transcript transcript{Id()};
  transcript.add(says);
  Proof proof;
  proof.keyed.resize(1);
  proof.keyed[0].mac = transcript.mac(Transcript::Side::initiator, secret_of(3).view());
  ByteVector message = make_hello(proof);
  says.insert(says.end(), message.begin(), message.end());
  Scripted stream(says);
  HelloStream over{stream, Id(), std::nullopt, std::nullopt};
  auto peer = co_await accept_hello(node().random, node().local, node().credentials, over);
  if (!peer.ok()) co_return;
  CHECK(peer->role == Role::client && peer->credential == "key-1" && peer->id.is_zero());
  CHECK(peer->version == kVersion && peer->cluster == node().credentials.cluster());
}

template <class Message>
void round_trip(ByteView body) {
  auto message = parse_hello<Message>(body);
  if (message.ok()) CHECK(equal(hello_body(make_hello(*message)), body));
}

void parts(ByteView input) {
  round_trip<Hello>(input);
  round_trip<Answer>(input);
  round_trip<Proof>(input);
  round_trip<Welcome>(input);
  if (auto refusal = parse_hello<Refusal>(input); refusal.ok()) CHECK(to_error(*refusal).message().size() <= 1024);
  if (input.size() >= kHelloHeaderSize) (void)parse_hello_header(input.first(kHelloHeaderSize)).ok();
  (void)JoinToken::parse(as_text(input)).ok();
  (void)Identity::from_pem(as_text(input)).ok();
}

Task<void> play(std::uint8_t part, ByteView says) {
  static SecureHandshaker plain(node().random, node().local, node().credentials, Presented());
  static SecureHandshaker tls = [] {
    LocalEnd local = node().local;
    local.transport = Transport::tls;
    return SecureHandshaker(node().random, local, node().credentials, Presented());
  }();
  switch (part % 6) {
    case 0:
      co_return co_await accept(plain, says);
    case 1:
      co_return co_await accept(tls, says);
    case 2:
      co_return co_await call(plain, says);
    case 3:
      co_return co_await call(tls, says);
    case 4:
      co_return co_await accept_inside_tls(says);
    default:
      co_return co_await accept_insider(says);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ByteView input(data + 1, size - 1);
  parts(input);
  asio::io_context context;
  Loop loop(context);
  TaskGroup group(loop);
  group.spawn(play(data[0], input));
  context.poll();
  CHECK(group.size() == 0);
  return 0;
}
