// The public API as programs use it: this file sees no other header of ours. Nodes run inside this process.
#include "node/api/vortex.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include "tests/unit/test.h"

using vortex::Bytes;
using vortex::Client;
using vortex::Code;
using vortex::Node;

namespace {

Bytes random_bytes(std::size_t size, unsigned seed) {
  std::mt19937_64 generator(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator());
  return bytes;
}

Bytes bytes_of(std::string_view text) {
  auto view = vortex::as_bytes(text);
  return Bytes(view.begin(), view.end());
}

// A cluster of one node.
struct Home {
  Home() {
    std::string name = std::filesystem::temp_directory_path() / "vortex-api-XXXXXX";
    directory = ::mkdtemp(name.data());
    vortex::NodeOptions options;
    options.data = directory + "/node";
    options.listen = "127.0.0.1:0";
    options.create = true;
    options.settings = {{"partitions", "4"}, {"transport", "plain"}};
    auto started = Node::start(options);
    REQUIRE(started.ok());
    node.emplace(std::move(*started));
  }
  ~Home() {
    node.reset();
    std::filesystem::remove_all(directory);
  }
  vortex::ConnectOptions way() const {
    vortex::ConnectOptions options;
    options.addresses = {node->address()};
    options.key_file = directory + "/node/root.key";
    options.transport = vortex::Transport::plain;
    return options;
  }
  Client connect() const {
    auto client = Client::connect(way());
    REQUIRE(client.ok());
    return std::move(*client);
  }

  std::string directory;
  std::optional<Node> node;
};

}  // namespace

TEST_CASE("a program stores, fetches, changes and removes files through the public API") {
  Home home;
  Client client = home.connect();

  auto stored = client.store("/moon.txt", "the moon is up", {.if_absent = true});
  REQUIRE(stored.ok());
  EXPECT_EQ(vortex::as_text(*client.fetch("/moon.txt")), "the moon is up");
  EXPECT_EQ(vortex::as_text(*client.fetch("/moon.txt", {.offset = 4, .length = 4})), "moon");
  EXPECT(client.store("/moon.txt", "again", {.if_absent = true}).is(Code::exists));
  EXPECT(client.store("/moon.txt", "again", {.if_version = stored->number + 1}).is(Code::precondition_failed));
  EXPECT(client.store("/moon.txt", "again", {.if_version = stored->number}).ok());

  auto nowhere = client.fetch("/nowhere");
  REQUIRE(nowhere.is(Code::not_found));
  EXPECT_EQ(nowhere.error().name, "not_found");
  EXPECT(!nowhere.error().retry_may_help);
  EXPECT(client.fetch("/a/../b").is(Code::invalid_path));

  EXPECT(client.make_directory("/a/b/c", true).ok());
  EXPECT(client.make_directory("/a/b/c").is(Code::exists));
  EXPECT(client.rename("/moon.txt", "/a/b/moon.txt").ok());
  EXPECT(client.link("/a/b/moon.txt", "/a/again").ok());
  EXPECT(client.make_symlink("b/moon.txt", "/a/link").ok());
  EXPECT(client.copy("/a/link", "/a/copy").ok());
  EXPECT_EQ(vortex::as_text(*client.fetch("/a/copy")), "again");
  EXPECT_EQ(client.stat("/a/b/moon.txt")->links, 2);
  EXPECT((client.stat("/a/link", false)->type == vortex::FileType::symlink));

  vortex::AttributeChange change;
  change.mode = 0600;
  change.modified = vortex::Time(std::chrono::seconds(1'000'000'000));
  change.set_xattrs["user.note"] = bytes_of("cold");
  EXPECT(client.set_attributes("/a/copy", change).ok());
  auto info = client.stat("/a/copy");
  REQUIRE(info.ok());
  EXPECT_EQ(info->mode, 0600);
  EXPECT((info->modified == *change.modified));
  EXPECT_EQ(vortex::as_text(info->xattrs.at("user.note")), "cold");

  auto listing = client.list("/a");
  REQUIRE(listing.ok());
  REQUIRE_EQ(listing->entries.size(), 4);
  EXPECT_EQ(listing->entries[0].name, "again");
  EXPECT(!listing->more);
  EXPECT(client.list("/a", "again", 1)->more);

  EXPECT(client.remove("/a").is(Code::is_directory));
  EXPECT(client.remove_directory("/a").is(Code::not_empty));
  EXPECT(client.remove("/a/again").ok());
  EXPECT_GE(*client.remove_tree("/a"), 5);
  EXPECT(client.stat("/a").is(Code::not_found));
}

TEST_CASE("large files, ranges, appended and overwritten bytes and streams come out as they went in") {
  Home home;
  Client client = home.connect();
  Bytes content = random_bytes(9'000'001, 7);
  REQUIRE(client.store("/big", content).ok());
  EXPECT((*client.fetch("/big") == content));
  Bytes middle = *client.fetch("/big", {.offset = 4'194'000, .length = 1000});
  EXPECT(std::equal(middle.begin(), middle.end(), content.begin() + 4'194'000));

  Bytes fresh = random_bytes(100'000, 8);
  REQUIRE(client.write_at("/big", 5'000'000, fresh).ok());
  std::copy(fresh.begin(), fresh.end(), content.begin() + 5'000'000);
  REQUIRE(client.append("/big", fresh).ok());
  content.insert(content.end(), fresh.begin(), fresh.end());
  EXPECT((*client.fetch("/big") == content));
  REQUIRE(client.append("/log", vortex::as_bytes("one ")).ok());
  REQUIRE(client.append("/log", vortex::as_bytes("two")).ok());
  EXPECT_EQ(vortex::as_text(*client.fetch("/log")), "one two");

  auto writer = client.open_writer("/stream");
  REQUIRE(writer.ok());
  for (std::size_t at = 0; at < content.size(); at += 70'001)
    REQUIRE(writer->write(std::span(content).subspan(at, std::min<std::size_t>(70'001, content.size() - at))).ok());
  EXPECT(client.stat("/stream").is(Code::not_found));
  REQUIRE(writer->commit().ok());
  EXPECT(writer->commit().is(Code::closed));
  EXPECT(writer->write("more").is(Code::closed));

  auto reader = client.open_reader("/stream");
  REQUIRE(reader.ok());
  EXPECT_EQ(reader->info().size, content.size());
  REQUIRE(client.store("/stream", "replaced meanwhile").ok());
  Bytes read, room(50'000);
  while (true) {
    auto some = reader->read(room);
    REQUIRE(some.ok());
    if (*some == 0) break;
    read.insert(read.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(*some));
  }
  EXPECT((read == content));
}

TEST_CASE("what is not committed is never seen, and a stream whose condition fails says so") {
  Home home;
  Client client = home.connect();
  {
    auto writer = client.open_writer("/half");
    REQUIRE(writer.ok());
    REQUIRE(writer->write(random_bytes(3'000'000, 1)).ok());
  }
  REQUIRE(client.store("/there", "x").ok());
  auto late = client.open_writer("/there", {.if_absent = true});
  REQUIRE(late.ok());
  REQUIRE(late->write("y").ok());
  EXPECT(late->commit().is(Code::exists));
  EXPECT(client.stat("/half").is(Code::not_found));
  EXPECT_EQ(vortex::as_text(*client.fetch("/there")), "x");
  EXPECT(client.open_reader("/").is(Code::is_directory));
}

TEST_CASE("many threads share one client, with blocking and asynchronous calls at once") {
  Home home;
  Client client = home.connect();
  constexpr int kThreads = 6, kFiles = 25;
  std::atomic<int> answered = 0, wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kFiles; ++i) {
        std::string path = "/" + std::to_string(t) + "-" + std::to_string(i);
        if (!client.store(path, path).ok()) ++wrong;
        client.fetch_async(path, {}, [&, path](vortex::Result<Bytes> bytes) {
          if (!bytes.ok() || vortex::as_text(*bytes) != path) ++wrong;
          ++answered;
        });
        client.stat_async(path, true, [&](vortex::Result<vortex::FileInfo> info) {
          if (!info.ok()) ++wrong;
          ++answered;
        });
      }
      Bytes large = random_bytes(300'000, static_cast<unsigned>(t));
      std::string path = "/large" + std::to_string(t);
      if (!client.store(path, large).ok() || *client.fetch(path) != large) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (answered < 2 * kThreads * kFiles) std::this_thread::yield();
  EXPECT_EQ(wrong, 0);
}

TEST_CASE("a client goes with calls in flight: each is answered once, before the client is gone") {
  Home home;
  for (unsigned round = 0; round < 5; ++round) {
    std::atomic<int> answered = 0;
    constexpr int kCalls = 200;
    {
      Client client = home.connect();
      for (int i = 0; i < kCalls; ++i)
        client.store_async("/f" + std::to_string(i), random_bytes(i % 10 == 0 ? 200'000 : 100, round), {},
                           [&](vortex::Result<vortex::Version> version) {
                             bool known = version.ok() || version.is(Code::cancelled) ||
                                          version.is(Code::outcome_unknown) || version.is(Code::closed);
                             if (known) ++answered;
                           });
      while (answered < static_cast<int>(round * 20)) std::this_thread::yield();
    }
    EXPECT_EQ(answered, kCalls);
  }
}

TEST_CASE("blocking calls in a callback fail instead of waiting for themselves, asynchronous ones go through") {
  Home home;
  auto client = std::make_unique<Client>(home.connect());
  std::promise<void> answered;
  client->store_async("/a", bytes_of("1"), {}, [&](vortex::Result<vortex::Version>) {
    EXPECT(client->stat("/a").is(Code::failed));
    client->stat_async("/a", true, [&](vortex::Result<vortex::FileInfo> info) {
      EXPECT(info.ok());
      answered.set_value();
    });
  });
  answered.get_future().wait();

  // A client may go inside its own callback.
  std::promise<bool> gone;
  Client* doomed = client.release();
  doomed->stat_async("/a", true, [&, doomed](vortex::Result<vortex::FileInfo> info) {
    delete doomed;
    gone.set_value(info.ok());
  });
  EXPECT(gone.get_future().get());
}

TEST_CASE("streams that outlive their client end with an error") {
  Home home;
  std::optional<Client> client(home.connect());
  REQUIRE(client->store("/big", random_bytes(40'000'000, 3)).ok());
  auto reader = client->open_reader("/big");
  auto writer = client->open_writer("/other");
  REQUIRE(reader.ok());
  REQUIRE(writer.ok());
  REQUIRE(writer->write(random_bytes(100, 4)).ok());
  client.reset();
  Bytes room(1000);
  EXPECT(reader->read(room).is(Code::closed));
  EXPECT(!writer->commit().ok());
}

TEST_CASE("what cannot be connected to or started says what is wrong") {
  Home home;
  auto way = home.way();
  way.key_file = home.directory + "/no.key";
  EXPECT(!Client::connect(way).ok());
  way.addresses.clear();
  EXPECT(Client::connect(way).is(Code::bad_config));
  way = home.way();
  way.addresses = {"127.0.0.1:1"};
  way.timeout = std::chrono::seconds(2);
  EXPECT(Client::connect(way).is(Code::unreachable));
  way = home.way();
  way.key_file.clear();
  EXPECT(Client::connect(way).is(Code::bad_config));

  vortex::NodeOptions options;
  options.data = home.directory + "/node";
  options.listen = "127.0.0.1:0";
  EXPECT(Node::start(options).is(Code::in_use));
  options.settings = {{"replicas", "4"}};
  auto even = Node::start(options);
  REQUIRE(even.is(Code::bad_config));
  EXPECT(even.error().message.find("replicas") != std::string::npos);
  options.settings = {{"crate", "true"}};
  EXPECT(Node::start(options).is(Code::bad_config));
  options.settings.clear();
  options.listen = "0.0.0.0:0";
  EXPECT(Node::start(options).error().message.find("advertise") != std::string::npos);
}
