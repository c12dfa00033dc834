// A disk that cannot read a file is no reason to take the log for one that does not have it.
#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
Task<Result<Contents>> fill(Env&, wal::Log& log) {
  for (int i = 0; i < 30; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'u')));
  co_return co_await contents(log);
}
}  // namespace

TEST_CASE("a log with a segment that cannot be read at all is not begun anew and not cut short") {
  for (const char* file : {"", "000000.wal", "000001.wal"}) {
    Rig rig;
    auto written = rig.with_log<Contents>(fill);
    REQUIRE(written.ok());
    sim::DiskFault fault;
    fault.op = sim::DiskOp::read;
    fault.path = file;
    fault.count = 1'000'000;
    rig.machine.drive().fail(fault);
    INFO("file ", file);
    EXPECT(rig.reopen().is(Code::io_error));
    rig.machine.drive().clear_faults();
    auto back = rig.reopen();
    REQUIRE(back.ok());
    EXPECT(*back == *written);
  }
}

TEST_CASE("a spare slot whose beginning cannot be read is given up when all segments are known to be elsewhere") {
  for (bool used_before : {false, true}) {
    CAPTURE(used_before);
    Rig rig;
    auto recycle = [](Env&, wal::Log& log) -> Task<Result<Contents>> {
      for (int i = 0; i < 60; ++i) CO_RETURN_IF_ERROR(co_await append_text(log, 1, std::string(3000, 'u')));
      CO_RETURN_IF_ERROR(co_await log.truncate(1, log.end()));
      CO_RETURN_IF_ERROR(co_await append_text(log, 2, "kept"));
      CO_RETURN_IF_ERROR(co_await log.close());
      co_return Contents();
    };
    auto grow = [](Env&, wal::Log& log) -> Task<Result<Contents>> {
      CO_RETURN_IF_ERROR(co_await append_text(log, 2, "kept"));
      CO_RETURN_IF_ERROR(co_await log.close());
      co_return Contents();
    };
    REQUIRE((used_before ? rig.with_log<Contents>(recycle) : rig.with_log<Contents>(grow)).ok());
    auto report = rig.inspect();
    REQUIRE(report.ok());
    REQUIRE(!report->spares.empty());
    for (const std::string& spare : report->spares) REQUIRE(rig.machine.drive().lose_block("wal/" + spare, 0).ok());
    for (int start = 0; start < 2; ++start) {
      auto kept = rig.reopen();
      CAPTURE(start);
      if (!kept.ok()) FAIL(kept.error().to_string());
      REQUIRE_EQ((*kept)[2].size(), 1);
    }
    // Without the note nobody knows.
    report = rig.inspect();
    REQUIRE(report.ok());
    REQUIRE(!report->spares.empty());
    for (const std::string& spare : report->spares) REQUIRE(rig.machine.drive().lose_block("wal/" + spare, 0).ok());
    REQUIRE(rig.machine.drive().flip_bit("wal/newest", 17, 1).ok());
    EXPECT(rig.reopen().is(Code::io_error));
  }
}
