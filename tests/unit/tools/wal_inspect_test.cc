#include <nlohmann/json.hpp>

#include "tests/unit/base/real_world.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/support.h"
#include "tools/cli/real_world.h"
#include "tools/vortex/commands.h"
#include "wal/log.h"

using namespace vortex;

namespace {

Task<Status> write_log(Env& env, std::string directory) {
  wal::Options options;
  options.segment_bytes = wal::kSegmentBytesMin;
  options.group_bytes = wal::kSegmentBytesMin / 4;
  CO_ASSIGN_OR_RETURN(auto log, co_await wal::Log::open(env, std::move(directory), options));
  std::string text(1000, 'x');
  std::vector<wal::Record> batch(1);
  batch[0].owner = 7;
  batch[0].payload = as_bytes(text);
  for (int i = 0; i < 10; ++i) {
    auto appended = co_await log->append(batch);
    if (!appended.ok()) co_return std::move(appended).error();
  }
  co_return co_await log->close();
}

}  // namespace

TEST_CASE("a sound log is summed up, a damaged one named with status 7, a missing one not found") {
  TestDirectory directory;
  std::string place = directory / "wal";
  REQUIRE(cli::run_in_real_world([&](Env& env) { return write_log(env, place); }).ok());

  Ran sound = run_json(wal_inspect_command(), {"wal", "inspect", place});
  EXPECT_EQ(sound.status, 0);
  EXPECT_EQ(sound.json.at("damages").size(), 0);
  REQUIRE_EQ(sound.json.at("segments").empty(), false);
  const nlohmann::json& segment = sound.json.at("segments")[0];
  EXPECT_GE(segment.at("records"), 10);

  std::string file = segment.at("file");
  if (file.find('/') == std::string::npos) file = place + "/" + file;
  // In the middle of the log and within a record: groups begin at whole blocks.
  std::uint64_t middle = segment.at("used").get<std::uint64_t>() / 2;
  flip_byte(file, middle / wal::kBlock * wal::kBlock + 1000);
  Ran damaged = run_json(wal_inspect_command(), {"wal", "inspect", place});
  EXPECT_EQ(damaged.status, 7);
  EXPECT_EQ(damaged.json.at("error").at("code"), "damaged");
  REQUIRE_EQ(damaged.json.at("hurt").size(), 1);
  EXPECT_EQ(damaged.json.at("hurt")[0].at("owner"), 7);

  EXPECT_EQ(run_json(wal_inspect_command(), {"wal", "inspect", directory / "nowhere"}).status, 3);
}
