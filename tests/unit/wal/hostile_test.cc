// Bytes that look like the log's own, slots that fit nothing, and segments that are gone.
#include "base/endian.h"
#include "base/hash.h"
#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"
#include "wal/group.h"
#include "wal/scan.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
// A whole header, as any version may have it.
ByteVector forged_header(std::uint16_t version, std::uint64_t log_id, SegmentId segment, std::uint64_t offset) {
  GroupHeader header;
  header.log_id = log_id;
  header.segment = segment;
  header.offset = offset;
  header.sequence = 1'000'000;
  header.oldest = segment;
  ByteVector bytes(kGroupHeaderBytes);
  encode_group_header(header, bytes);
  store_le(bytes.data() + 4, version);
  store_le(bytes.data() + 120, xxh3(ByteView(bytes).first(120)));
  return bytes;
}

// A record in which `forged` comes to lie at the beginning of a block, if it is the first of its group.
std::string around(const ByteVector& forged) {
  std::string text(12'000, 'p');
  text.replace(kBlock - kGroupHeaderBytes - kRecordHeaderBytes, forged.size(), as_text(forged));
  return text;
}

// The forged header lies in the log's second group, a block behind its beginning.
Task<Result<Lsn>> append_forged(wal::Log& log, std::uint16_t version, std::uint64_t log_id, SegmentId segment) {
  const Lsn group = log.end();
  std::string text = around(forged_header(version, log_id, segment, group.offset() + kBlock));
  CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 9, text));
  if (appended.first.offset() != group.offset() + kGroupHeaderBytes)
    co_return Error(Code::internal, "another group came between");
  while (log.end().segment() < 2) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'q')));
  CO_RETURN_IF_ERROR(co_await log.close());
  co_return group;
}

Task<Result<Lsn>> fill_to_third_segment(Env&, wal::Log& log) {
  while (log.end().segment() < 3) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'q')));
  CO_RETURN_IF_ERROR(co_await append_text(log, 2, "in the third"));
  CO_RETURN_IF_ERROR(co_await log.close());
  co_return log.end();
}

Task<void> append_until_dead(Env& env, Options options) {
  auto log = co_await wal::Log::open(env, "wal", options);
  CHECK(log.ok());
  Status slept = co_await sleep_for(env, milliseconds(100));
  while (slept.ok()) {
    auto appended = co_await append_text(**log, 1, std::string(5000, 'd'));
    if (!appended.ok()) break;
  }
  co_await (*log)->stop();
}

Status remove_slot(Rig& rig, const std::string& name) {
  auto remove = [name](Env& env) -> Task<Status> { return env.disk().remove("wal/" + name); };
  return rig.world.run(rig.machine, remove);
}

template <class T>
std::string reason(const Result<T>& result) {
  return result.ok() ? std::string() : result.error().to_string();
}

std::string newest_slot(const RecoveryReport& report) { return report.segments.back().file; }
}  // namespace

TEST_CASE("a header of a later version within a record is no reason to refuse the log") {
  Rig rig;
  auto group = rig.with_log<Lsn>([](Env&, wal::Log& log) { return append_forged(log, 2, 7, 1); });
  REQUIRE(group.ok());
  // The group's own header is lost, and so is that of the slot: both make readers look at every block.
  for (std::uint64_t at : {std::uint64_t(group->offset()), std::uint64_t(0)}) {
    REQUIRE(rig.machine.drive().flip_bit("wal/000000.wal", at + 20, 1).ok());
    auto back = rig.reopen();
    const std::string why = reason(back);
    INFO(why);
    REQUIRE(back.ok());
    EXPECT_GT((*back)[1].size(), 5);
  }
}

TEST_CASE("a header of a later version at the beginning of a slot is one") {
  Rig rig;
  REQUIRE(rig.with_log<Lsn>(fill_to_third_segment).ok());
  auto write = [](Env& env) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000001.wal", OpenOptions()));
    ByteVector forged = forged_header(2, 7, 2, 0);
    ByteView bytes = forged;
    co_return co_await file->write_at(0, std::span<const ByteView>(&bytes, 1));
  };
  REQUIRE(rig.world.run(rig.machine, write).ok());
  EXPECT(rig.reopen().is(Code::unsupported_version));
}

TEST_CASE("what a record claims about other logs and segments to come is not believed") {
  for (SegmentId claimed : {SegmentId(1), SegmentId(77), kSegmentNumberMax, SegmentId(0xFFFF'FFFF)}) {
    INFO("claimed ", claimed);
    Rig rig;
    auto group = rig.with_log<Lsn>([claimed](Env&, wal::Log& log) { return append_forged(log, 1, 7, claimed); });
    REQUIRE(group.ok());
    REQUIRE(rig.machine.drive().flip_bit("wal/000000.wal", 20, 1).ok());
    auto back = rig.reopen();
    const std::string why = reason(back);
    INFO(why);
    REQUIRE(back.ok());
    EXPECT_EQ((*back)[9].size(), 1);
    EXPECT_GT((*back)[1].size(), 5);
  }
}

TEST_CASE("a log whose newest segments are gone says so, and never gives a place twice") {
  Rig rig;
  auto end = rig.with_log<Lsn>(fill_to_third_segment);
  REQUIRE(end.ok());
  auto before = rig.inspect();
  REQUIRE(before.ok());
  REQUIRE(before->sound());
  REQUIRE(remove_slot(rig, newest_slot(*before)).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  REQUIRE(!report->sound());
  EXPECT_EQ(report->damages.back().segment, 3u);
  EXPECT(!report->names_complete);
  REQUIRE(!report->hurt.empty());
  EXPECT_EQ(report->hurt.front().owner, 1u);
  auto more = rig.with_log<Appended>([](Env&, wal::Log& log) -> Task<Result<Appended>> {
    auto appended = co_await append_text(log, 2, "behind what is missing");
    CO_RETURN_IF_ERROR(co_await log.close());
    co_return appended;
  });
  REQUIRE(more.ok());
  EXPECT(more->first > *end);
  for (int start = 0; start < 2; ++start) {
    auto back = rig.reopen();
    REQUIRE(back.ok());
    REQUIRE_EQ((*back)[2].size(), 1u);
    EXPECT_EQ((*back)[2][0].text, "behind what is missing");
    EXPECT_GT((*back)[1].size(), 20);
  }
}

TEST_CASE("a log that has lost every segment is not begun anew") {
  Rig rig;
  REQUIRE(rig.with_log<Lsn>(fill_to_third_segment).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  for (const SegmentSummary& segment : report->segments) REQUIRE(remove_slot(rig, segment.file).ok());
  EXPECT(rig.reopen().is(Code::damaged));
}

TEST_CASE("a log goes on with other sizes of segments where no slot is ready for the next one") {
  Rig rig;
  REQUIRE(rig.with_log<Lsn>(fill_to_third_segment).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  REQUIRE(remove_slot(rig, newest_slot(*report)).ok());
  Options larger = small_options();
  larger.segment_bytes = 2 * kSegmentBytesMin;
  auto body = [](Env&, wal::Log& log) { return append_text(log, 2, "in a larger one"); };
  auto appended = rig.with_log<Appended>(body, larger);
  const std::string why = reason(appended);
  INFO(why);
  REQUIRE(appended.ok());
  EXPECT_EQ(appended->first.segment(), 4u);
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ((*back)[2].size(), 1u);
}

TEST_CASE("groups too small for the table of all owners are refused by name") {
  Rig rig;
  Options large;
  large.segment_bytes = 4 * kSegmentBytesMin;
  large.group_bytes = 4 * kGroupBytesMin;
  auto fill = [](Env&, wal::Log& log) -> Task<Result<int>> {
    for (OwnerId owner = 1; owner <= 400; ++owner) CO_RETURN_IF_ERROR(co_await append_text(log, owner, "one"));
    co_return 0;
  };
  REQUIRE(rig.with_log<int>(fill, large).ok());
  Options small = large;
  small.group_bytes = kGroupBytesMin;
  auto look = [](Env&, wal::Log& log) -> Task<Result<Contents>> { return contents(log); };
  auto refused = rig.with_log<Contents>(look, small);
  REQUIRE(refused.is(Code::bad_config));
  EXPECT(refused.error().to_string().find("group_bytes") != std::string::npos);
  auto back = rig.with_log<Contents>(look, large);
  REQUIRE(back.ok());
  EXPECT_EQ(back->size(), 400u);
}

TEST_CASE("a slot cut off behind its first block is used again, and is not met as a segment later") {
  Rig rig;
  auto fill = [](Env&, wal::Log& log) -> Task<Result<Lsn>> {
    while (log.end().segment() < 2) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(9000, 'q')));
    co_return log.end();
  };
  REQUIRE(rig.with_log<Lsn>(fill).ok());
  auto cut = [](Env& env) -> Task<Status> {
    CO_RETURN_IF_ERROR(co_await env.disk().remove("wal/newest"));
    CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open("wal/000001.wal", OpenOptions()));
    co_return co_await file->truncate(kBlock);
  };
  REQUIRE(rig.world.run(rig.machine, cut).ok());
  auto more = [](Env&, wal::Log& log) -> Task<Result<Lsn>> {
    while (log.end().segment() < 4) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(9000, 'r')));
    co_return log.end();
  };
  REQUIRE(rig.with_log<Lsn>(more).ok());
  auto back = rig.reopen();
  const std::string why = reason(back);
  INFO(why);
  REQUIRE(back.ok());
}

TEST_CASE("among groups without headers one that ends with its block is told from the older one behind it") {
  const std::uint64_t log_id = 5;
  ByteVector gap;
  // The first ends exactly where its block ends; what follows is of an earlier use of the slot.
  for (int group = 0; group < 2; ++group) {
    Group filling(kGroupBytesMin);
    filling.start(log_id, Lsn(3, static_cast<std::uint64_t>(group) * kBlock), false);
    RecordHeader record;
    record.owner = 1;
    record.sequence = static_cast<std::uint64_t>(group) + 1;
    std::string text(kBlock - kGroupHeaderBytes - kRecordHeaderBytes, 'e');
    filling.add(record, ByteView(), as_bytes(text));
    GroupHeader header;
    header.sequence = static_cast<std::uint64_t>(group) + 5;
    header.oldest = 1;
    ByteView bytes = filling.seal(header);
    REQUIRE_EQ(bytes.size(), kBlock);
    gap.insert(gap.end(), bytes.begin(), bytes.end());
    gap[static_cast<std::size_t>(group) * kBlock + 20] ^= 1;
  }
  Body body;
  read_gap(log_id, Lsn(3, 0), gap, 1, body);
  std::size_t records = 0;
  for (const Piece& piece : body.pieces) records += piece.kind == Piece::Kind::record ? 1 : 0;
  EXPECT_EQ(records, 1u);
  read_gap(log_id, Lsn(3, 0), gap, 2, body);
  records = 0;
  for (const Piece& piece : body.pieces) records += piece.kind == Piece::Kind::record ? 1 : 0;
  EXPECT_EQ(records, 2u);
}

TEST_CASE("what a start finds after a failed sync is still there after a power cut") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed ", seed);
    Rig rig(seed);
    Options cached = small_options();
    cached.direct = false;
    auto fill = [](Env&, wal::Log& log) -> Task<Result<Lsn>> {
      CO_RETURN_IF_ERROR(co_await append_text(log, 1, "safe"));
      co_return log.end();
    };
    REQUIRE(rig.with_log<Lsn>(fill, cached).ok());
    sim::DiskFault fault;
    fault.op = sim::DiskOp::sync;
    fault.path = "000000.wal";
    fault.skip = 2;  // the last group once more, and the note of the start
    rig.machine.drive().fail(fault);
    rig.machine.spawn(append_until_dead(rig.machine.env(), cached));
    rig.world.run_for(seconds(1));
    REQUIRE(!rig.machine.fail_stop_reason().empty());
    rig.machine.drive().clear_faults();
    auto look = [](Env&, wal::Log& log) -> Task<Result<Contents>> { return contents(log); };
    auto seen = rig.with_log<Contents>(look, cached);
    REQUIRE(seen.ok());
    rig.machine.power_cut();
    auto back = rig.with_log<Contents>(look, cached);
    REQUIRE(back.ok());
    EXPECT(*back == *seen);
  }
}
