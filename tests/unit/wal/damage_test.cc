#include <algorithm>
#include <set>

#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"
#include "wal/format.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {

constexpr std::size_t kBatches = 60;

// Several owners, two segments, groups of several records; the last group is not confirmed by a later one.
struct Written {
  Rig rig;
  Contents contents;
  RecoveryReport report;

  explicit Written(std::uint64_t seed) : rig(seed) {
    auto body = [](Env& env, wal::Log& log) -> Task<Result<Contents>> {
      for (std::size_t i = 0; i < kBatches; ++i) {
        TaskGroup group(env.loop());
        for (OwnerId owner = 1; owner <= 3; ++owner) group.spawn(one(log, owner + (i % 5), i));
        co_await group.join();
      }
      co_return co_await wal::test::contents(log);
    };
    auto made = rig.with_log<Contents>(body);
    REQUIRE(made.ok());
    contents = *made;
    auto inspected = rig.inspect();
    REQUIRE(inspected.ok());
    report = *inspected;
    REQUIRE(report.sound());
    REQUIRE(report.segments.size() > 1);
  }

  static Task<void> one(wal::Log& log, OwnerId owner, std::size_t i) {
    std::string text = "owner " + std::to_string(owner) + " says " + std::string(20 + i * 29 % 700, char('a' + i % 26));
    auto appended = co_await append_text(log, owner, std::move(text));
    CHECK(appended.ok());
  }

  const std::string& file_of(SegmentId id) const {
    for (const auto& segment : report.segments)
      if (segment.segment == id) return segment.file;
    FAIL("no such segment");
    return report.segments.front().file;
  }
  void flip(Lsn at, unsigned bit) {
    REQUIRE(rig.machine.drive().flip_bit("wal/" + file_of(at.segment()), at.offset(), bit).ok());
  }
  Lsn last_group() const;
  // Which owner's record covers the place; 0 when none does.
  OwnerId owner_at(Lsn place) const {
    for (const auto& [owner, list] : contents)
      for (const Kept& kept : list)
        if (place >= kept.lsn && place < Lsn(kept.lsn.value + record_bytes(kept.text.size()))) return owner;
    return 0;
  }
};

// By walking the blocks of the last segment.
Lsn Written::last_group() const {
  const auto& segment = report.segments.back();
  auto bytes = rig.machine.drive().peek("wal/" + segment.file);
  REQUIRE(bytes.ok());
  Lsn last;
  for (std::size_t at = 0; at < segment.used;) {
    GroupHeader header;
    REQUIRE(decode_group_header(ByteView(*bytes).subspan(at), header) == HeaderState::valid);
    last = header.lsn();
    at += header.bytes();
  }
  return last;
}

std::set<OwnerId> hurt_owners(const RecoveryReport& report, bool certain) {
  std::set<OwnerId> owners;
  for (const HurtOwner& hurt : report.hurt)
    if (hurt.certain == certain) owners.insert(hurt.owner);
  return owners;
}

Task<Result<std::string>> flip_and_replay(Rig& rig, wal::Log& log) {
  CO_RETURN_IF_ERROR(co_await append_text(log, 1, "first"));
  CO_ASSIGN_OR_RETURN(auto second, co_await append_text(log, 1, "second"));
  CO_RETURN_IF_ERROR(co_await append_text(log, 1, "third"));
  std::uint64_t at = second.first.offset() + kRecordHeaderBytes + 3;
  CO_RETURN_IF_ERROR(rig.machine.drive().flip_bit("wal/000000.wal", at, 1));
  Collector collector;
  auto replayed = co_await log.replay(collector);
  co_return replayed.ok() ? "" : replayed.error().to_string();
}

std::vector<Lsn> places(const RecoveryReport& report, std::size_t step) {
  std::vector<Lsn> result;
  for (const auto& segment : report.segments)
    for (std::uint64_t at = 0; at < segment.used; at += step) result.push_back(Lsn(segment.segment, at));
  return result;
}
}  // namespace

TEST_CASE("one flipped bit anywhere is found, named with its place and its owner, or lies in the last group") {
  Written log(3);
  const Lsn last = log.last_group();
  std::size_t torn = 0, in_records = 0, elsewhere = 0;
  unsigned bit = 0;
  for (Lsn place : places(log.report, 13)) {
    bit = (bit + 3) % 8;
    log.flip(place, bit);
    auto report = log.rig.inspect();
    log.flip(place, bit);
    INFO("place ", place.to_string());
    REQUIRE(report.ok());
    if (report->sound()) {
      REQUIRE(place >= last);
      REQUIRE(report->end == last);
      ++torn;
      continue;
    }
    bool named = std::any_of(report->damages.begin(), report->damages.end(), [place](const Damage& damage) {
      return damage.segment == place.segment() && place.offset() >= damage.offset &&
             place.offset() < damage.offset + damage.length;
    });
    REQUIRE(named);
    OwnerId owner = log.owner_at(place);
    std::set<OwnerId> certain = hurt_owners(*report, true), doubtful = hurt_owners(*report, false);
    if (owner == 0) {
      REQUIRE(certain.empty());
      ++elsewhere;
    } else {
      REQUIRE((certain.contains(owner) || doubtful.contains(owner)));
      certain.erase(owner);
      REQUIRE(certain.empty());
      ++in_records;
    }
    REQUIRE(report->end == log.report.end);
  }
  EXPECT_GT(torn, 10);
  EXPECT_GT(in_records, 1000);
  EXPECT_GT(elsewhere, 1000);
}

TEST_CASE("after a clean close damage to the last batch is found as well") {
  Rig rig;
  auto body = [](Env&, wal::Log& log) -> Task<Result<Appended>> {
    auto appended = co_await append_text(log, 5, "the last words");
    CO_RETURN_IF_ERROR(co_await log.close());
    co_return appended;
  };
  auto appended = rig.with_log<Appended>(body);
  REQUIRE(appended.ok());
  REQUIRE(rig.machine.drive().flip_bit("wal/000000.wal", appended->first.offset() + kRecordHeaderBytes + 2, 0).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  REQUIRE_EQ(report->damages.size(), 1u);
  REQUIRE_EQ(report->hurt.size(), 1u);
  EXPECT_EQ(report->hurt[0].owner, 5u);
  EXPECT(report->hurt[0].certain);
}

TEST_CASE(
    "a damaged log serves all other owners, goes on, keeps saying what is hurt, and forgets it with the records") {
  std::vector<Lsn> all = places(Written(4).report, 1501);
  std::size_t hurt_logs = 0;
  for (Lsn place : all) {
    Written log(4);
    if (place >= log.last_group()) continue;
    log.flip(place, 5);
    INFO("place ", place.to_string());
    auto before = log.rig.inspect();
    REQUIRE(before.ok());
    std::set<OwnerId> hurt = hurt_owners(*before, true);
    auto use = [](Env&, wal::Log& damaged) -> Task<Result<Contents>> {
      auto found = co_await contents(damaged);
      for (OwnerId owner = 1; owner <= 8; ++owner) {
        CO_RETURN_IF_ERROR(co_await append_text(damaged, owner, "more"));
      }
      co_return found;
    };
    auto found = log.rig.with_log<Contents>(use);
    REQUIRE(found.ok());
    for (const auto& [owner, list] : log.contents) {
      INFO("owner ", owner, "\n", to_text(*before));
      if (hurt.contains(owner) || hurt_owners(*before, false).contains(owner)) continue;
      REQUIRE((*found)[owner] == list);
    }
    auto after = log.rig.inspect();
    REQUIRE(after.ok());
    REQUIRE(!after->sound());
    // A later record proves that nothing is missing before it, so doubts are gone and losses are certain.
    for (OwnerId owner : hurt_owners(*after, true))
      REQUIRE((hurt.contains(owner) || hurt_owners(*before, false).contains(owner)));
    for (OwnerId owner : hurt) REQUIRE(hurt_owners(*after, true).contains(owner));
    if (!hurt.empty()) ++hurt_logs;

    auto truncate = [](Env&, wal::Log& damaged) -> Task<Result<bool>> {
      for (OwnerId owner = 1; owner <= 8; ++owner) CO_RETURN_IF_ERROR(co_await damaged.truncate(owner, damaged.end()));
      co_return true;
    };
    REQUIRE(log.rig.with_log<bool>(truncate).ok());
    after = log.rig.inspect();
    REQUIRE(after.ok());
    REQUIRE(after->hurt.empty());
  }
  EXPECT_GT(hurt_logs, 10);
}

TEST_CASE("a missing segment and a missing end of a segment are named") {
  Written log(6);
  auto remove = [](Env& env) -> Task<Status> { return env.disk().remove("wal/000000.wal"); };
  REQUIRE(log.rig.world.run(log.rig.machine, remove).ok());
  auto report = log.rig.inspect();
  REQUIRE(report.ok());
  REQUIRE(!report->sound());
  EXPECT_EQ(report->damages.front().segment, log.report.segments.front().segment);
  EXPECT(!report->hurt.empty());

  Written cut(6);
  auto shorten = [](Env& env) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000000.wal", OpenOptions()));
    co_return co_await file->truncate(32768);
  };
  REQUIRE(cut.rig.world.run(cut.rig.machine, shorten).ok());
  report = cut.rig.inspect();
  REQUIRE(report.ok());
  REQUIRE(!report->sound());
  EXPECT_GE(report->damages.front().offset, 16384u);
  EXPECT(!hurt_owners(*report, true).empty());
}

TEST_CASE("a directory of garbage is refused, not taken for a new log") {
  Rig rig;
  auto garbage = [](Env& env) -> Task<Status> {
    CO_RETURN_IF_ERROR(co_await env.disk().make_directories("wal"));
    OpenOptions how;
    how.create = true;
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000000.wal", how));
    ByteVector noise(65536, 0xA5);
    ByteView piece = noise;
    std::span<const ByteView> pieces(&piece, 1);
    co_return co_await file->write_at(0, pieces);
  };
  REQUIRE(rig.world.run(rig.machine, garbage).ok());
  EXPECT(rig.reopen().is(Code::damaged));
}

TEST_CASE("a log whose segment lost its end gives back the rest") {
  Written cut(6);
  auto shorten = [](Env& env) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000000.wal", OpenOptions()));
    co_return co_await file->truncate(32768);
  };
  REQUIRE(cut.rig.world.run(cut.rig.machine, shorten).ok());
  auto found = cut.rig.reopen();
  REQUIRE(found.ok());
  EXPECT_GT((*found)[3].size(), 10u);
  EXPECT_LT((*found)[3].size(), cut.contents[3].size());
}

TEST_CASE("a bit that flips after the start is found when records are read again, never skipped") {
  Rig rig;
  auto body = [&rig](Env&, wal::Log& log) { return flip_and_replay(rig, log); };
  auto replayed = rig.with_log<std::string>(body);
  REQUIRE(replayed.ok());
  EXPECT(replayed->find("damaged") != std::string::npos);
}

TEST_CASE("a bit that flips on its way from the disk changes nothing") {
  Rig rig(9);
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    for (int i = 0; i < 40; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(1000, 'q')));
    co_return 0;
  };
  REQUIRE(rig.with_log<int>(fill).ok());
  rig.machine.drive().options().read_flips = 0.2;
  int whole = 0;
  for (int i = 0; i < 40; ++i) {
    auto report = rig.inspect();
    if (report.ok() && report->sound() && report->last_sequence >= 41) ++whole;
  }
  EXPECT_GT(whole, 25);
}
