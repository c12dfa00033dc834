#include "net/tls_records.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "base/task_group.h"
#include "net/tls_stream.h"
#include "tests/unit/net/fixed_random.h"
#include "tests/unit/net/pipe.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::net;
using test::FixedRandom;
using test::Pipe;

namespace {

TlsSecret secret_of(std::uint64_t seed, std::size_t size) {
  TlsSecret secret;
  secret.size = size;
  FixedRandom random(seed);
  random.fill(MutableBytes(secret.bytes).first(size));
  return secret;
}

ByteVector pattern(std::size_t size, std::uint64_t seed) {
  ByteVector bytes(size);
  FixedRandom random(seed);
  random.fill(bytes);
  return bytes;
}

ByteVector seal(TlsKey& key, ByteView bytes, TlsContent content = TlsContent::data) {
  ByteVector record(bytes.size() + kTlsOverhead);
  EXPECT_EQ(key.seal(content, std::span<const ByteView>(&bytes, 1), record.data()), record.size());
  return record;
}

// Our client over memory, and a server that is OpenSSL alone, with its own record layer.
struct Foreign {
  Foreign() {
    ssl = SSL_new(server_tls.handle());
    SSL_set_app_data(ssl, &unused);
    in = BIO_new(BIO_s_mem());
    out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    server_end = std::move(pipe.server);
    client = std::make_unique<TlsStream>(client_tls, std::move(pipe.client), TlsSide::client, std::nullopt);
    auto shake = [](TlsStream& stream, std::optional<Status>& done) -> Task<void> {
      done = co_await stream.handshake();
    };
    group.spawn(shake(*client, shaken));
    for (int i = 0; i < 5; ++i) {
      run();
      SSL_do_handshake(ssl);
    }
    run();
    REQUIRE(SSL_is_init_finished(ssl) == 1);
    REQUIRE(shaken);
    REQUIRE(shaken->ok());
  }
  ~Foreign() {
    TaskGroup outer(loop);
    outer.spawn(group.stop());
    run();
    SSL_free(ssl);
  }
  // Moves bytes between the pipe and OpenSSL.
  void run() {
    for (int i = 0; i < 3; ++i) {
      context.restart();
      context.poll();
      ByteVector up(pipe.to_server->bytes.begin(), pipe.to_server->bytes.end());
      pipe.to_server->bytes.clear();
      pipe.to_server->changed.notify_all();
      if (!up.empty()) BIO_write(in, up.data(), static_cast<int>(up.size()));
      ByteVector down(1 << 20);
      int size = BIO_read(out, down.data(), static_cast<int>(down.size()));
      if (size > 0) pipe.to_client->bytes.insert(pipe.to_client->bytes.end(), down.begin(), down.begin() + size);
      pipe.to_client->changed.notify_all();
    }
  }
  ByteVector read_at_server() {
    ByteVector all, part(100'000);
    run();
    while (true) {
      int size = SSL_read(ssl, part.data(), static_cast<int>(part.size()));
      if (size <= 0) break;
      all.insert(all.end(), part.begin(), part.begin() + size);
    }
    return all;
  }
  // A record made by hand, under the key of the server, which sends none by itself.
  void send_record(TlsKey& key, TlsContent content, ByteView bytes) {
    ByteVector record = seal(key, bytes, content);
    pipe.to_client->bytes.insert(pipe.to_client->bytes.end(), record.begin(), record.end());
    pipe.to_client->changed.notify_all();
    run();
  }
  void write_at_server(ByteView bytes) { REQUIRE(SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size())) > 0); }
  static Task<void> send(TlsStream& stream, ByteVector bytes, std::optional<Status>& done) {
    ByteView piece(bytes);
    done = co_await stream.write(std::span<const ByteView>(&piece, 1));
  }
  static Task<void> receive(TlsStream& stream, ByteVector& all, Status& ended) {
    ByteVector part(5000);
    while (true) {
      auto size = co_await stream.read_some(part);
      if (!size.ok()) {
        ended = std::move(size).error();
        co_return;
      }
      all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*size));
    }
  }

  asio::io_context context;
  Loop loop{context};
  Identity alice{make(1)}, bob{make(2)};
  static Identity make(std::uint64_t seed) {
    FixedRandom random(seed);
    return Identity::generate(random);
  }
  TlsContext client_tls{alice}, server_tls{bob};
  TlsPeer unused;
  Pipe pipe{loop};
  std::unique_ptr<Connection> server_end;
  SSL* ssl = nullptr;
  BIO *in = nullptr, *out = nullptr;
  std::unique_ptr<TlsStream> client;
  std::optional<Status> shaken;
  TaskGroup group{loop};
};

}  // namespace

TEST_CASE("a record comes back as it was, whatever it was gathered from") {
  for (std::size_t secret_size : {32u, 48u}) {
    TlsKey sealing(TlsKey::Use::seal, secret_of(1, secret_size)), opening(TlsKey::Use::open, secret_of(1, secret_size));
    for (std::size_t size : {0u, 1u, 15u, 16u, 17u, 300u, 4000u, 16'384u}) {
      ByteVector bytes = pattern(size, size);
      std::vector<ByteView> pieces;
      for (std::size_t at = 0, step = 1; at < size; at += step, step = 2 * step + 1)
        pieces.push_back(ByteView(bytes).subspan(at, std::min(step, size - at)));
      ByteVector record(size + kTlsOverhead);
      REQUIRE(sealing.seal(TlsContent::data, pieces, record.data()) == record.size());
      auto length = tls_record_size(record);
      REQUIRE(length.ok());
      EXPECT_EQ(*length, record.size());
      ByteVector plain(size + 1);
      auto opened = opening.open(record, plain.data());
      REQUIRE(opened.ok());
      EXPECT(opened->content == TlsContent::data);
      EXPECT_EQ(opened->size, size);
      EXPECT(equal(ByteView(plain).first(size), bytes));
    }
    EXPECT_EQ(sealing.records(), 8);
    sealing.renew();
    opening.renew();
    EXPECT_EQ(sealing.records(), 0);
    ByteVector plain(100);
    EXPECT(opening.open(seal(sealing, pattern(50, 1)), plain.data()).ok());
  }
}

TEST_CASE("a record that was changed anywhere, repeated or left out is not opened") {
  ByteVector bytes = pattern(40, 1), plain(100);
  for (std::size_t at = 0; at < bytes.size() + kTlsOverhead; ++at) {
    TlsKey sealing(TlsKey::Use::seal, secret_of(1, 32)), opening(TlsKey::Use::open, secret_of(1, 32));
    ByteVector record = seal(sealing, bytes);
    record[at] ^= 0x40;
    EXPECT(!opening.open(record, plain.data()).ok());
    EXPECT_EQ(std::ranges::count(ByteView(plain).first(bytes.size()), 0), bytes.size());
  }
  TlsKey sealing(TlsKey::Use::seal, secret_of(1, 32)), opening(TlsKey::Use::open, secret_of(1, 32));
  ByteVector first = seal(sealing, bytes), second = seal(sealing, bytes), third = seal(sealing, bytes);
  EXPECT(opening.open(first, plain.data()).ok());
  EXPECT(!opening.open(first, plain.data()).ok());
  EXPECT(opening.open(third, plain.data()).ok());  // the third one that came
  EXPECT(!opening.open(second, plain.data()).ok());
}

TEST_CASE("records that cannot come after a handshake are told by their header") {
  auto size_of = [](ByteVector bytes) { return tls_record_size(bytes); };
  EXPECT_EQ(*size_of({23, 3, 3, 0}), 0);
  EXPECT_EQ(*size_of({23, 3, 3, 0, 17}), 22);
  EXPECT_EQ(*size_of({23, 3, 3, 0x41, 0}), kTlsRecordMax);
  EXPECT(!size_of({23, 3, 3, 0x41, 1}).ok());
  EXPECT(!size_of({23, 3, 3, 0, 16}).ok());
  EXPECT(!size_of({20, 3, 3, 0, 30}).ok());
  EXPECT(!size_of({21, 3, 3, 0, 30}).ok());
  EXPECT(!size_of({23, 3, 1, 0, 30}).ok());
}

TEST_CASE(
    "our records and those of OpenSSL are the same, through key updates of both sides, to the end of the stream") {
  Foreign foreign;
  ByteVector received;
  Status ended;
  foreign.group.spawn(Foreign::receive(*foreign.client, received, ended));
  ByteVector up, down;
  foreign.client->renew_keys_after(3);
  for (int round = 0; round < 12; ++round) {
    ByteVector there = pattern(1 + 9000u * static_cast<unsigned>(round), 1), back = pattern(70'000, 2);
    std::optional<Status> sent;
    foreign.group.spawn(Foreign::send(*foreign.client, there, sent));
    ByteVector got = foreign.read_at_server();
    REQUIRE(sent);
    EXPECT(sent->ok());
    EXPECT(equal(got, there));
    // Now and then with the wish that we renew our key too.
    if (round % 3 == 1) REQUIRE(SSL_key_update(foreign.ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    if (round % 3 == 2) REQUIRE(SSL_key_update(foreign.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    foreign.write_at_server(back);
    foreign.run();
    down.insert(down.end(), back.begin(), back.end());
    EXPECT(equal(received, down));
  }
  EXPECT(ended.ok());
  SSL_shutdown(foreign.ssl);
  foreign.run();
  EXPECT(ended.is(Code::end_of_stream));
  auto finish = [](TlsStream& stream) -> Task<void> {
    Status finished = co_await stream.finish();
    EXPECT(finished.ok());
  };
  foreign.group.spawn(finish(*foreign.client));
  foreign.run();
  ByteVector nothing(10);
  EXPECT_EQ(SSL_read(foreign.ssl, nothing.data(), 10), 0);
  EXPECT_EQ(SSL_get_shutdown(foreign.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST_CASE("a flood of key updates ends the connection") {
  Foreign foreign;
  ByteVector received;
  Status ended;
  foreign.group.spawn(Foreign::receive(*foreign.client, received, ended));
  ByteVector byte(1);
  for (int i = 0; i < 100 && ended.ok(); ++i) {
    SSL_key_update(foreign.ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(foreign.ssl);
    foreign.run();
  }
  EXPECT(ended.is(Code::bad_message));
}

TEST_CASE("a flood of records without data ends the connection, a few between others do not") {
  struct Nothing {
    TlsContent content;
    ByteVector bytes;
  };
  const Nothing kinds[] = {
      {TlsContent::data, {}},
      {static_cast<TlsContent>(0), {23, 0, 0, 0, 0}},  // data, and nothing but padding
      {TlsContent::alert, {1, 90}},                    // user_canceled
      {TlsContent::handshake, {4, 0, 0, 0}},           // a ticket
  };
  for (const Nothing& kind : kinds) {
    Foreign foreign;
    TlsKey key(TlsKey::Use::seal, foreign.unused.server_secret);
    ByteVector received;
    Status ended;
    foreign.group.spawn(Foreign::receive(*foreign.client, received, ended));
    std::uint8_t byte = 7;
    for (int round = 0; round < 5; ++round) {
      for (int i = 0; i < 32; ++i) foreign.send_record(key, kind.content, kind.bytes);
      foreign.send_record(key, TlsContent::data, ByteView(&byte, 1));
    }
    EXPECT_EQ(received.size(), 5);
    EXPECT(ended.ok());
    for (int i = 0; i < 33; ++i) foreign.send_record(key, kind.content, kind.bytes);
    EXPECT(ended.is(Code::bad_message));
    EXPECT_EQ(received.size(), 5);
  }
}
