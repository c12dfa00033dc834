#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
Task<Result<Lsn>> fill_one_segment(Env&, wal::Log& log) {
  while (log.end().offset() < kSegmentBytesMin) CO_RETURN_IF_ERROR(co_await append_text(log, 1, "filler"));
  co_return log.end();
}
Task<Result<Lsn>> append_after(Env& env, wal::Log& log) {
  CO_RETURN_IF_ERROR(co_await fill_one_segment(env, log));
  CO_RETURN_IF_ERROR(co_await append_text(log, 2, "opens the second segment"));
  CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 3, "torn"));
  co_return appended.first;
}
Task<Result<Lsn>> open_second(Env& env, wal::Log& log) {
  CO_RETURN_IF_ERROR(co_await fill_one_segment(env, log));
  CO_ASSIGN_OR_RETURN(auto appended, co_await append_text(log, 2, "torn"));
  co_return appended.first;
}
}  // namespace

TEST_CASE("a lost header at the beginning of the last segment and a torn tail behind it are told, and the log opens") {
  Rig rig;
  auto torn = rig.with_log<Lsn>(append_after);
  REQUIRE(torn.ok());
  REQUIRE_EQ(torn->segment(), 2u);
  REQUIRE(rig.machine.drive().flip_bit("wal/000001.wal", 20, 1).ok());
  REQUIRE(rig.machine.drive().flip_bit("wal/000001.wal", torn->offset() + kRecordHeaderBytes + 1, 1).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  EXPECT(!report->sound());
  auto back = rig.reopen();
  REQUIRE(back.ok());
  EXPECT_EQ((*back)[2].size(), 1u);
}

TEST_CASE("a group lost at the end of a segment is told though the group behind it is torn") {
  Rig rig;
  auto torn = rig.with_log<Lsn>(open_second);
  REQUIRE(torn.ok());
  REQUIRE(rig.machine.drive().flip_bit("wal/000000.wal", kSegmentBytesMin - kBlock + 20, 1).ok());
  REQUIRE(rig.machine.drive().flip_bit("wal/000001.wal", torn->offset() + kRecordHeaderBytes + 1, 1).ok());
  auto report = rig.inspect();
  REQUIRE(report.ok());
  EXPECT(!report->sound());
}
