#include "wal/log.h"

#include <algorithm>

#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
std::vector<std::string> texts(const Contents& contents, OwnerId owner) {
  std::vector<std::string> result;
  auto at = contents.find(owner);
  if (at != contents.end())
    for (const Kept& kept : at->second) result.push_back(kept.text);
  return result;
}
using Texts = std::vector<std::string>;
}  // namespace

TEST_CASE("records come back in the order in which their owner wrote them") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<Contents>> {
    for (int i = 0; i < 40; ++i)
      for (OwnerId owner = 1; owner <= 3; ++owner)
        CO_RETURN_IF_ERROR(co_await append_text(log, owner, std::to_string(owner * 1000 + i)));
    co_return co_await contents(log);
  };
  auto written = rig.with_log<Contents>(body);
  REQUIRE(written.ok());
  EXPECT_EQ(written->at(2).size(), 40u);
  EXPECT_EQ(written->at(2).back().text, "2039");
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT(*back == *written);
}

TEST_CASE("what waits while the disk works goes in one write") {
  Rig rig;
  auto body = [](Env& env, wal::Log& log) -> Task<Result<std::uint64_t>> {
    std::uint64_t before = env.metrics().total("vortex_wal_groups_total");
    TaskGroup group(env.loop());
    auto writer = [](wal::Log& to, OwnerId owner) -> Task<void> {
      auto appended = co_await append_text(to, owner, "together");
      CHECK(appended.ok());
    };
    for (OwnerId owner = 0; owner < 60; ++owner) group.spawn(writer(log, owner));
    co_await group.join();
    co_return env.metrics().total("vortex_wal_groups_total") - before;
  };
  auto groups = rig.with_log<std::uint64_t>(body);
  REQUIRE(groups.ok());
  EXPECT_LE(*groups, 2u);
}

TEST_CASE("truncated records never return, and their segments are used again") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<std::size_t>> {
    std::size_t most = 0;
    for (int i = 0; i < 200; ++i) {
      CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'a')));
      CO_ASSIGN_OR_RETURN(auto kept, co_await append_text(log, 2, std::to_string(i)));
      CO_RETURN_IF_ERROR(co_await log.truncate(1, log.end()));
      CO_RETURN_IF_ERROR(co_await log.truncate(2, kept.first));
      most = std::max(most, log.live_segments() + log.spare_segments());
    }
    co_return most;
  };
  auto most = rig.with_log<std::size_t>(body);
  REQUIRE(most.ok());
  EXPECT_LE(*most, 4u);
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT(texts(*back, 1).empty());
  EXPECT(texts(*back, 2) == Texts{"199"});
}

TEST_CASE("whoever holds the log back is named, and nobody else") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<std::vector<Holder>>> {
    CO_RETURN_IF_ERROR(co_await append_text(log, 77, "early and idle"));
    for (int i = 0; i < 60; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 5, std::string(3000, 'b')));
    CO_RETURN_IF_ERROR(co_await log.truncate(5, log.end()));
    CO_RETURN_IF_ERROR(co_await append_text(log, 5, "late"));
    co_return log.holders(10);
  };
  auto holders = rig.with_log<std::vector<Holder>>(body);
  REQUIRE(holders.ok());
  REQUIRE_EQ(holders->size(), 2u);
  EXPECT_EQ((*holders)[0].owner, 77u);
  EXPECT_GT((*holders)[0].segments_held, 3u);
  EXPECT_EQ((*holders)[1].owner, 5u);
  EXPECT_EQ((*holders)[1].segments_held, 1u);
}

TEST_CASE("a dropped owner is forgotten and may begin anew") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<Contents>> {
    CO_RETURN_IF_ERROR(co_await append_text(log, 9, "old life"));
    CO_RETURN_IF_ERROR(co_await log.drop_owner(9));
    CO_RETURN_IF_ERROR(co_await log.drop_owner(9));
    CO_RETURN_IF_ERROR(co_await append_text(log, 9, "new life"));
    co_return co_await contents(log);
  };
  auto now = rig.with_log<Contents>(body);
  REQUIRE(now.ok());
  EXPECT(texts(*now, 9) == Texts{"new life"});
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT(texts(*back, 9) == Texts{"new life"});
}

TEST_CASE("beyond its limit of segments the log is busy until somebody truncates") {
  Rig rig;
  Options options = small_options();
  options.live_segments_max = 3;
  auto body = [](Env& env, wal::Log& log) -> Task<Result<int>> {
    int waiting = 0;
    TaskGroup group(env.loop());
    auto writer = [](wal::Log& to, int& open) -> Task<void> {
      ++open;
      auto appended = co_await append_text(to, 1, std::string(3000, 'c'));
      CHECK(appended.ok());
      --open;
    };
    for (int i = 0; i < 80; ++i) group.spawn(writer(log, waiting));
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(1)));
    int blocked = waiting;
    while (waiting > 0) {
      CO_RETURN_IF_ERROR(co_await log.truncate(1, log.end()));
      CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(20)));
    }
    co_await group.join();
    co_return blocked;
  };
  auto blocked = rig.with_log<int>(body, options);
  REQUIRE(blocked.ok());
  EXPECT_GT(*blocked, 20);
}

TEST_CASE("a batch is refused when it is empty or too large, or the log is closed, in words") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<int>> {
    auto empty = co_await log.append(std::span<const Record>());
    if (!empty.is(Code::invalid_argument)) co_return Error(Code::internal, "empty");
    auto large = co_await append_text(log, 1, std::string(15'000, 'd'));
    if (!large.is(Code::too_large)) co_return Error(Code::internal, "large");
    auto future = co_await log.truncate(1, Lsn(99, 0));
    if (!future.ok()) co_return Error(Code::internal, "an unknown owner has nothing to truncate");
    CO_RETURN_IF_ERROR(co_await append_text(log, 1, "fits"));
    future = co_await log.truncate(1, Lsn(99, 0));
    if (!future.is(Code::invalid_argument)) co_return Error(Code::internal, "future");
    CO_RETURN_IF_ERROR(co_await log.close());
    auto closed = co_await append_text(log, 1, "late");
    if (!closed.is(Code::closed)) co_return Error(Code::internal, "closed");
    co_return 0;
  };
  auto result = rig.with_log<int>(body);
  std::string why = result.ok() ? std::string() : result.error().to_string();
  INFO(why);
  EXPECT(result.ok());
}

TEST_CASE("a submitted batch tells its completion once, and a completion that is gone is not told") {
  Rig rig;
  struct Told final : Completion {
    explicit Told(int& c) : count(c) {}
    void finished(const Status& status) override { count += status.ok() ? 1 : 1000; }
    int& count;
  };
  auto body = [](Env& env, wal::Log& log) -> Task<Result<int>> {
    int count = 0;
    Record record;
    record.owner = 4;
    record.payload = as_bytes("staged");
    std::span<const Record> batch(&record, 1);
    Told first(count);
    CO_RETURN_IF_ERROR(log.submit(batch, first));
    {
      Told second(count);
      CO_RETURN_IF_ERROR(log.submit(batch, second));
    }
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(1)));
    co_return count * 100 + static_cast<int>(first.appended().first.offset() % 100);
  };
  auto told = rig.with_log<int>(body);
  REQUIRE(told.ok());
  EXPECT_EQ(*told / 100, 1);
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ(back->at(4).size(), 2u);
}

TEST_CASE("one owner's records can be read again while others append") {
  Rig rig;
  auto body = [](Env& env, wal::Log& log) -> Task<Result<std::size_t>> {
    Lsn middle;
    for (int i = 0; i < 50; ++i) {
      CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 1, std::to_string(i)));
      CO_RETURN_IF_ERROR(co_await append_text(log, 2, std::string(2000, 'e')));
      if (i == 30) middle = appended.first;
    }
    TaskGroup group(env.loop());
    auto busy = [](wal::Log& to) -> Task<void> {
      for (int i = 0; i < 100; ++i) {
        auto appended = co_await append_text(to, 2, std::string(2000, 'f'));
        CHECK(appended.ok());
        auto truncated = co_await to.truncate(2, to.end());
        CHECK(truncated.ok());
      }
    };
    group.spawn(busy(log));
    Collector collector;
    auto replayed = co_await log.replay_owner(1, middle, collector);
    co_await group.join();
    CO_RETURN_IF_ERROR(replayed);
    co_return collector.contents[1].size() + (collector.contents.contains(2) ? 1000 : 0);
  };
  auto count = rig.with_log<std::size_t>(body);
  REQUIRE(count.ok());
  EXPECT_EQ(*count, 20u);
}

TEST_CASE("segments of another size are read, and replaced as they become free") {
  Rig rig;
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    for (int i = 0; i < 40; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'g')));
    co_return 0;
  };
  REQUIRE(rig.with_log<int>(fill).ok());
  Options larger = small_options();
  larger.segment_bytes = 4 * kSegmentBytesMin;
  auto grow = [](Env& env, wal::Log& log) -> Task<Result<int>> {
    for (int i = 0; i < 40; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 2, std::string(3000, 'h')));
    CO_RETURN_IF_ERROR(co_await log.truncate(1, log.end()));
    CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(1)));
    CO_RETURN_IF_ERROR(co_await log.close());
    CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list("wal"));
    int small = 0;
    for (const auto& entry : entries) small += entry.size == kSegmentBytesMin ? 1 : 0;
    co_return small;
  };
  auto small = rig.with_log<int>(grow, larger);
  REQUIRE(small.ok());
  EXPECT_LE(*small, 1);
}

TEST_CASE("a log of a newer version is refused and left alone") {
  Rig rig;
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    CO_RETURN_IF_ERROR(co_await append_text(log, 1, "x"));
    co_return 0;
  };
  REQUIRE(rig.with_log<int>(fill).ok());
  auto before = rig.machine.drive().peek("wal/000000.wal");
  REQUIRE(before.ok());
  // A header of version 2 with a right check.
  auto rewrite = [](Env& env) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000000.wal", OpenOptions()));
    ByteVector header(kGroupHeaderBytes);
    CO_RETURN_IF_ERROR(co_await file->read_at(0, header));
    header[4] = 2;
    std::uint64_t check = payload_check(ByteView(header).first(120));
    std::memcpy(header.data() + 120, &check, 8);
    ByteView piece = header;
    std::span<const ByteView> pieces(&piece, 1);
    co_return co_await file->write_at(0, pieces);
  };
  REQUIRE(rig.world.run(rig.machine, rewrite).ok());
  auto newer = rig.machine.drive().peek("wal/000000.wal");
  EXPECT(rig.reopen().is(Code::unsupported_version));
  EXPECT(rig.inspect().is(Code::unsupported_version));
  EXPECT(*rig.machine.drive().peek("wal/000000.wal") == *newer);
}

TEST_CASE("options that cannot be are refused by name") {
  Rig rig;
  Options options = small_options();
  options.group_bytes = options.segment_bytes / 2;
  auto nothing = [](Env&, wal::Log&) -> Task<Result<int>> { co_return 0; };
  auto refused = rig.with_log<int>(nothing, options);
  REQUIRE(refused.is(Code::bad_config));
  EXPECT(std::string(refused.error().message()).find("group_bytes") != std::string::npos);
}

TEST_CASE("inspecting prints what is there and changes nothing") {
  Rig rig;
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    for (int i = 0; i < 30; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'i')));
    co_return 0;
  };
  REQUIRE(rig.with_log<int>(fill).ok());
  auto before = rig.machine.drive().peek("wal/000001.wal");
  auto report = rig.inspect();
  REQUIRE(report.ok());
  std::string text = to_text(*report);
  INFO(text);
  EXPECT(text.find("segment 1 000000.wal: groups 1 to") != std::string::npos);
  EXPECT(text.ends_with("sound\n"));
  EXPECT(*rig.machine.drive().peek("wal/000001.wal") == *before);
}
