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
