#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
Task<Result<std::size_t>> files_after_refusals(Rig& rig, Env& env, wal::Log& log) {
  sim::DiskFault fault;
  fault.op = sim::DiskOp::sync_directory;
  fault.count = 1000;
  rig.machine.drive().fail(fault);
  std::size_t refused = 0;
  for (int i = 0; i < 100 && refused < 10; ++i) {
    auto appended = co_await append_text(log, 1, std::string(3000, 'z'));
    if (!appended.ok()) ++refused;
  }
  if (refused < 10) co_return Error(Code::internal, "not refused");
  CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list("wal"));
  co_return entries.size();
}
}  // namespace

TEST_CASE("a directory that cannot be synced does not fill up with segments that nobody uses") {
  Rig rig;
  auto body = [&rig](Env& env, wal::Log& log) { return files_after_refusals(rig, env, log); };
  auto files = rig.with_log<std::size_t>(body);
  std::string why = files.ok() ? std::string() : files.error().to_string();
  INFO(why);
  REQUIRE(files.ok());
  EXPECT_LE(*files, 3u);
}
