// What is left of a group that did not become durable must not be met again by later starts.
#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
// Until less than two more blocks fit into the segment. The last group is a note.
Task<Result<Lsn>> fill_segment(Env& env, wal::Log& log) {
  while (log.end().offset() < kSegmentBytesMin - 2 * kBlock) CO_RETURN_IF_ERROR(co_await append_text(log, 1, "filler"));
  CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(1)));
  co_return log.end();
}

Task<Result<Lsn>> append_small(Env&, wal::Log& log) {
  CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 1, "small"));
  co_return appended.first;
}

Task<Result<Lsn>> append_large(Env&, wal::Log& log) {
  CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 1, std::string(9000, 'L')));
  co_return appended.first;
}

Task<Result<Lsn>> fail_then_append(Env& env, wal::Log& log) {
  auto failed = co_await append_text(log, 1, std::string(3000, 'F'));
  if (!failed.is(Code::no_space)) co_return Error(Code::internal, "the write did not fail");
  co_return co_await append_large(env, log);
}

std::size_t count_large(const Contents& contents) {
  std::size_t count = 0;
  for (const Kept& kept : contents.at(1)) count += kept.text.size() == 9000 ? 1 : 0;
  return count;
}
}  // namespace

TEST_CASE("what is acknowledged after a torn tail near the end of a segment survives the next start") {
  Rig rig;
  REQUIRE(rig.with_log<Lsn>(fill_segment).ok());
  auto torn = rig.with_log<Lsn>(append_small);
  REQUIRE(torn.ok());
  REQUIRE_EQ(torn->segment(), 1u);
  // Its first sector reached the disk, the end of its payload did not.
  REQUIRE(rig.machine.drive().flip_bit("wal/000000.wal", torn->offset() + kRecordHeaderBytes + 1, 3).ok());
  auto large = rig.with_log<Lsn>(append_large);
  REQUIRE(large.ok());
  REQUIRE_EQ(large->segment(), 2u);
  auto report = rig.inspect();
  REQUIRE(report.ok());
  INFO(to_text(*report));
  EXPECT(report->sound());
  EXPECT(!report->torn_tail.has_value());
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ(count_large(*back), 1u);
}

TEST_CASE("what is acknowledged after a write without space near the end of a segment survives the next start") {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    Rig rig(seed);
    REQUIRE(rig.with_log<Lsn>(fill_segment).ok());
    auto next = [](Env& env, wal::Log& log) { return fail_then_append(env, log); };
    sim::DiskFault fault;
    fault.op = sim::DiskOp::write;
    fault.effect = sim::DiskEffect::no_space;
    fault.path = "000000.wal";
    fault.skip = 2;  // the last group once more, and the note of the start
    rig.machine.drive().fail(fault);
    auto large = rig.with_log<Lsn>(next);
    INFO("seed ", seed, large.ok() ? "" : large.error().to_string());
    REQUIRE(large.ok());
    auto report = rig.inspect();
    REQUIRE(report.ok());
    INFO(to_text(*report));
    EXPECT(report->sound());
    auto back = rig.reopen();
    REQUIRE(back.ok());
    EXPECT_EQ(count_large(*back), 1u);
  }
}
