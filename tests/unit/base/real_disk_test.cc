#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "base/disk.h"
#include "base/event.h"
#include "base/task_group.h"
#include "tests/unit/base/real_world.h"

using namespace vortex;

namespace {
// A disk's file system and one in memory take different ways through the code.
const char* const kPlaces[] = {"/tmp", "/dev/shm"};

OpenOptions creating() {
  OpenOptions options;
  options.create = true;
  return options;
}

ByteVector pattern(std::size_t size, unsigned seed) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>((i + seed) * 2654435761u >> 13);
  return bytes;
}

Task<std::unique_ptr<File>> open_new(Env& env, std::string path) {
  OpenOptions options = creating();
  auto opened = co_await env.disk().open(path, options);
  REQUIRE(opened.ok());
  co_return std::move(*opened);
}
}  // namespace

TEST_CASE("what was written in pieces is read back, past the limits of one system call") {
  auto body = [](Env& env) -> Task<void> {
    for (const char* place : kPlaces) {
      TestDirectory directory(place);
      auto file = co_await open_new(env, directory / "file");
      ByteVector content = pattern(3'000'001, 1), back(content.size() + 100);
      std::vector<ByteView> pieces;
      for (ByteView rest(content); !rest.empty();) {
        std::size_t size = std::min<std::size_t>(rest.size(), env.random().below(7000));
        pieces.push_back(rest.first(size));
        rest = rest.subspan(size);
      }
      EXPECT(pieces.size() > 300);
      auto written = co_await file->write_at(10, pieces);
      EXPECT(written.ok());
      auto synced = co_await file->sync();
      EXPECT(synced.ok());
      auto size = co_await file->size();
      EXPECT_EQ(*size, content.size() + 10);
      auto got = co_await file->read_at(10, back);
      REQUIRE(got.ok());
      EXPECT_EQ(*got, content.size());
      EXPECT(equal(ByteView(back).first(*got), content));
      got = co_await file->read_at(content.size() + 10, back);
      EXPECT_EQ(*got, 0);
      // Small ones go another way.
      MutableBytes small(back.data(), 5000);
      got = co_await file->read_at(1010, small);
      EXPECT_EQ(*got, 5000);
      EXPECT(equal(small, ByteView(content).subspan(1000, 5000)));
      auto cached = file->read_cached(1010, small);
      if (cached.ok()) {
        EXPECT_EQ(*cached, 5000);
      } else {
        EXPECT(cached.is(Code::busy));
      }
      const ByteView line[] = {as_bytes("durable")};
      std::span<const ByteView> all(line);
      written = co_await file->write_durable(0, all);
      EXPECT(written.ok());
      got = co_await file->read_at(0, small.first(7));
      EXPECT(equal(small.first(7), line[0]));
    }
  };
  in_real_world(body);
}

TEST_CASE("many reads and writes may be under way at once") {
  auto body = [](Env& env) -> Task<void> {
    auto work = [](File& file, unsigned index, int& good) -> Task<void> {
      ByteVector content = pattern(300'000, index), back(content.size());
      std::vector<ByteView> pieces(1, ByteView(content));
      auto written = co_await file.write_at(index * content.size(), pieces);
      auto got = co_await file.read_at(index * content.size(), back);
      if (written.ok() && got.ok() && *got == back.size() && back == content) ++good;
    };
    for (const char* place : kPlaces) {
      TestDirectory directory(place);
      auto file = co_await open_new(env, directory / "file");
      int good = 0;
      TaskGroup group(env.loop());
      for (unsigned i = 0; i < 64; ++i) group.spawn(work(*file, i, good));
      co_await group.join();
      EXPECT_EQ(good, 64);
    }
  };
  in_real_world(body);
}

TEST_CASE("a cancelled task waits for its disk operation") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory("/tmp");
    auto file = co_await open_new(env, directory / "file");
    auto work = [](File& to, bool& written) -> Task<void> {
      ByteVector content = pattern(8'000'000, 3);
      std::vector<ByteView> pieces(1, ByteView(content));
      auto status = co_await to.write_at(0, pieces);
      written = status.ok();
    };
    bool written = false;
    TaskGroup group(env.loop());
    group.spawn(work(*file, written));
    co_await group.stop();
    EXPECT(written);
    auto size = co_await file->size();
    EXPECT_EQ(*size, 8'000'000);
  };
  in_real_world(body);
}

TEST_CASE("space can be reserved, given back and cut off, and reads as zeros") {
  auto body = [](Env& env) -> Task<void> {
    for (const char* place : kPlaces) {
      TestDirectory directory(place);
      auto file = co_await open_new(env, directory / "file");
      auto status = co_await file->allocate(0, 1 << 20);
      EXPECT(status.ok());
      auto size = co_await file->size();
      EXPECT_EQ(*size, 1 << 20);
      ByteVector content = pattern(1 << 20, 5), back(1 << 20);
      std::vector<ByteView> pieces(1, ByteView(content));
      status = co_await file->write_at(0, pieces);
      EXPECT(status.ok());
      struct stat before;
      struct stat after;
      REQUIRE_EQ(::stat((directory / "file").c_str(), &before), 0);
      status = co_await file->punch_hole(65536, 524288);
      EXPECT(status.ok());
      REQUIRE_EQ(::stat((directory / "file").c_str(), &after), 0);
      EXPECT(after.st_blocks < before.st_blocks);
      EXPECT_EQ(after.st_size, 1 << 20);
      auto got = co_await file->read_at(0, back);
      EXPECT_EQ(*got, back.size());
      std::fill_n(content.begin() + 65536, 524288, std::uint8_t(0));
      EXPECT(back == content);
      status = co_await file->truncate(1000);
      EXPECT(status.ok());
      size = co_await file->size();
      EXPECT_EQ(*size, 1000);
    }
  };
  in_real_world(body);
}

TEST_CASE("what goes wrong with a path has its code and names the path") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory;
    OpenOptions plain, exclusive;
    exclusive.create = exclusive.exclusive = true;
    std::string path = directory / "file";
    auto opened = co_await env.disk().open(path, plain);
    EXPECT(opened.is(Code::not_found));
    EXPECT(opened.error().message().find(path) != std::string_view::npos);
    opened = co_await env.disk().open(path, exclusive);
    EXPECT(opened.ok());
    opened = co_await env.disk().open(path, exclusive);
    EXPECT(opened.is(Code::exists));
    opened = co_await env.disk().open(directory.path(), plain);
    EXPECT(opened.is(Code::is_directory));
    opened = co_await env.disk().open(path + "/below", plain);
    EXPECT(opened.is(Code::not_directory));
    auto status = co_await env.disk().rename(directory / "nothing", path);
    EXPECT(status.is(Code::not_found));
    status = co_await env.disk().remove(directory / "nothing");
    EXPECT(status.is(Code::not_found));
    status = co_await env.disk().remove(directory.path());
    EXPECT(status.is(Code::not_empty));
    status = co_await env.disk().make_directories(path + "/below");
    EXPECT(status.is(Code::not_directory));
    auto listed = co_await env.disk().list(directory / "nothing");
    EXPECT(listed.is(Code::not_found));
    plain.read_only = true;
    opened = co_await env.disk().open(path, plain);
    REQUIRE(opened.ok());
    std::vector<ByteView> pieces(1, as_bytes("x"));
    status = co_await (*opened)->write_at(0, pieces);
    EXPECT(!status.ok());
  };
  in_real_world(body);
}

TEST_CASE("a full disk is no_space, for a write, a durable write and a reservation") {
  // /dev/full is a device whose writes find no space.
  auto body = [](Env& env) -> Task<void> {
    OpenOptions plain;
    auto full = co_await env.disk().open("/dev/full", plain);
    REQUIRE(full.ok());
    std::vector<ByteView> pieces(1, as_bytes("x"));
    auto status = co_await (*full)->write_at(0, pieces);
    EXPECT(status.is(Code::no_space));
    status = co_await (*full)->write_durable(0, pieces);
    EXPECT(status.is(Code::no_space));
    TestDirectory directory("/dev/shm");
    auto file = co_await open_new(env, directory / "file");
    auto space = co_await env.disk().space(directory.path());
    REQUIRE(space.ok());
    EXPECT(space->available <= space->total);
    EXPECT(space->available > 0);
    status = co_await file->allocate(0, space->total + (1 << 20));
    EXPECT(status.is(Code::no_space));
  };
  in_real_world(body);
}

TEST_CASE("directories are made with their parents and listed in order") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory;
    auto status = co_await env.disk().make_directories(directory / "a/b//c");
    EXPECT(status.ok());
    status = co_await env.disk().make_directories(directory / "a/b/c/");
    EXPECT(status.ok());
    for (const char* name : {"zebra", "apple", "mango"}) {
      std::ofstream(directory / name) << name;
    }
    auto listed = co_await env.disk().list(directory.path());
    REQUIRE(listed.ok());
    REQUIRE_EQ(listed->size(), 4);
    EXPECT_EQ((*listed)[0].name, "a");
    EXPECT((*listed)[0].directory);
    EXPECT_EQ((*listed)[1].name, "apple");
    EXPECT_EQ((*listed)[1].size, 5);
    EXPECT_EQ((*listed)[3].name, "zebra");
    status = co_await env.disk().rename(directory / "zebra", directory / "apple");
    EXPECT(status.ok());
    status = co_await env.disk().sync_directory(directory.path());
    EXPECT(status.ok());
    auto content = co_await read_file(env.disk(), directory / "apple", 100);
    REQUIRE(content.ok());
    EXPECT_EQ(as_text(*content), "zebra");
    status = co_await env.disk().remove(directory / "a/b/c");
    EXPECT(status.ok());
  };
  in_real_world(body);
}

TEST_CASE("small files are replaced whole and read up to a limit") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory;
    for (const char* text : {"first", "", "the third one"}) {
      ByteVector content = to_vector(as_bytes(text));
      auto replaced = co_await replace_file(env.disk(), directory / "file", content);
      EXPECT(replaced.ok());
      auto back = co_await read_file(env.disk(), directory / "file", 13);
      REQUIRE(back.ok());
      EXPECT_EQ(as_text(*back), text);
    }
    auto large = co_await read_file(env.disk(), directory / "file", 12);
    EXPECT(large.is(Code::too_large));
    auto listed = co_await env.disk().list(directory.path());
    EXPECT_EQ(listed->size(), 1);
    ByteVector content(10);
    auto nowhere = co_await replace_file(env.disk(), directory / "no/such/place", content);
    EXPECT(nowhere.is(Code::not_found));
  };
  in_real_world(body);
}

TEST_CASE("direct reads and writes work where they exist and where they do not") {
  auto body = [](Env& env) -> Task<void> {
    for (const char* place : kPlaces) {
      TestDirectory directory(place);
      OpenOptions options = creating();
      options.direct = true;
      options.exclusive = true;
      auto file = co_await env.disk().open(directory / "file", options);
      REQUIRE(file.ok());
      Buffer out = Buffer::copy_of(pattern(1 << 16, 9)), in = Buffer::allocate(1 << 16);
      std::vector<ByteView> pieces(1, out.view());
      auto written = co_await (*file)->write_at(4096, pieces);
      EXPECT(written.ok());
      auto got = co_await (*file)->read_at(4096, in.writable());
      REQUIRE(got.ok());
      EXPECT(equal(in.view(), out.view()));
    }
  };
  in_real_world(body);
}

TEST_CASE("a lock is held once, in this process and in others, until it is let go") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory;
    std::string path = directory / "LOCK";
    auto first = co_await env.disk().lock(path);
    REQUIRE(first.ok());
    auto second = co_await env.disk().lock(path);
    EXPECT(second.is(Code::in_use));
    pid_t child = ::fork();
    if (child == 0) {
      ::execlp("flock", "flock", "-n", path.c_str(), "true", nullptr);
      ::_exit(99);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);  // what flock(1) says when somebody else has it
    first->reset();
    second = co_await env.disk().lock(path);
    EXPECT(second.ok());
  };
  in_real_world(body);
}

TEST_CASE("long work on cached files lets the loop turn") {
  auto body = [](Env& env) -> Task<void> {
    TestDirectory directory("/dev/shm");
    auto file = co_await open_new(env, directory / "file");
    std::size_t turns = 0;
    bool stop = false;
    auto count = [](Env& world, std::size_t& turned, const bool& end) -> Task<void> {
      while (!end) {
        auto slept = co_await sleep_until(world, world.now());
        if (!slept.ok()) co_return;
        ++turned;
      }
    };
    TaskGroup group(env.loop());
    group.spawn(count(env, turns, stop));
    ByteVector block = pattern(4096, 1);
    std::vector<ByteView> pieces(1, ByteView(block));
    for (std::size_t i = 0; i < 10'000; ++i) {
      auto written = co_await file->write_at(i * 4096, pieces);
      EXPECT(written.ok());
    }
    stop = true;
    co_await group.join();
    EXPECT(turns >= 10);
  };
  in_real_world(body);
}
