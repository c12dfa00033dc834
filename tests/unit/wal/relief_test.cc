// What makes room gets room: a log that takes no more data still takes what its owners need to truncate.
#include <deque>

#include "base/task_group.h"
#include "tests/sim/drive.h"
#include "tests/unit/test.h"
#include "tests/unit/wal/rig.h"

using namespace vortex;
using namespace vortex::wal;
using namespace vortex::wal::test;

namespace {
Record record_of(const std::string& text) {
  Record record;
  record.owner = 1;
  record.payload = as_bytes(text);
  return record;
}

// A base, and everything before it is given up.
Task<Status> make_room(wal::Log& log) {
  std::string text = "base";
  Record base = record_of(text);
  CO_ASSIGN_OR_RETURN(Appended at, co_await log.append_relief(std::span<const Record>(&base, 1)));
  co_return co_await log.truncate(1, at.first);
}

Task<Result<int>> fill_disk(Rig& rig, Env& env, wal::Log& log) {
  // With a single segment there would be nothing to give back.
  while (log.spare_segments() == 0) CO_RETURN_IF_ERROR(co_await sleep_for(env, milliseconds(10)));
  sim::DiskFault fault;
  fault.effect = sim::DiskEffect::no_space;
  fault.op = sim::DiskOp::allocate;
  fault.count = 1'000'000;
  rig.machine.drive().fail(fault);
  int rounds = 0;
  for (; rounds < 10; ++rounds) {
    bool refused = false;
    for (int i = 0; i < 200 && !refused; ++i) {
      auto appended = co_await append_text(log, 1, std::string(3000, 'd'));
      refused = appended.is(Code::no_space);
      if (!appended.ok() && !refused) co_return appended.error();
    }
    if (!refused || !log.short_of_room()) co_return Error(Code::internal, "not refused");
    CO_RETURN_IF_ERROR(co_await make_room(log));
    // An attempt to make a segment that was begun before may still fail, and refuse what waits for it.
    Status after = Code::no_space;
    for (int i = 0; i < 3 && after.is(Code::no_space); ++i) {
      auto appended = co_await append_text(log, 1, "after");
      after = appended.ok() ? Status() : Status(appended.error());
    }
    CO_RETURN_IF_ERROR(after);
  }
  co_return rounds;
}

Task<void> append_for_ever(wal::Log& log, std::size_t& count) {
  while (true) {
    auto appended = co_await append_text(log, 1, std::string(3000, 'd'));
    if (!appended.ok()) co_return;
    ++count;
  }
}

Task<Result<int>> fill_log(Env& env, wal::Log& log) {
  std::size_t count = 0;
  TaskGroup group(env.loop());
  for (int i = 0; i < 8; ++i) group.spawn(append_for_ever(log, count));
  int rounds = 0;
  Status status;
  for (; rounds < 10 && status.ok(); ++rounds) {
    const std::size_t before = count;
    Status slept = co_await sleep_for(env, seconds(1));
    if (!slept.ok()) status = slept;
    // It is full now, and eight wait.
    if (count == before || !log.congested()) status = Error(Code::internal, "not full");
    if (status.ok()) status = co_await make_room(log);
  }
  co_await group.stop();
  if (!status.ok()) co_return status.error();
  co_return rounds;
}
}  // namespace

TEST_CASE("where no further segment is to be had, a base goes in, and truncating behind it makes room again") {
  Rig rig;
  auto body = [&rig](Env& env, wal::Log& log) { return fill_disk(rig, env, log); };
  auto rounds = rig.with_log<int>(body);
  std::string why = rounds.ok() ? std::string() : rounds.error().to_string();
  INFO(why);
  REQUIRE(rounds.ok());
  rig.machine.drive().clear_faults();
  auto kept = rig.reopen();
  REQUIRE(kept.ok());
  auto& records = (*kept)[1];
  REQUIRE_EQ(records.size(), 2);
  EXPECT_EQ(records[0].text, "base");
  EXPECT_EQ(records[1].text, "after");
}

TEST_CASE("in a log with as many segments as it may have, a base goes ahead of all data that waits") {
  Rig rig;
  Options options = small_options();
  options.live_segments_max = 4;
  auto rounds = rig.with_log<int>(fill_log, options);
  std::string why = rounds.ok() ? std::string() : rounds.error().to_string();
  INFO(why);
  REQUIRE(rounds.ok());
}

namespace {
class Outcome final : public Completion {
 public:
  void finished(const Status& status) override { result = status; }
  std::string text;
  Record record;
  std::optional<Status> result;
};

// More than the group being written and the one being filled can hold, so that some wait for room.
Task<Result<int>> submit_many(Rig& rig, Env& env, wal::Log& log) {
  sim::DiskFault fault;
  fault.effect = sim::DiskEffect::no_space;
  fault.op = sim::DiskOp::write;
  fault.path = ".wal";
  rig.machine.drive().fail(fault);
  std::deque<Outcome> outcomes;
  for (int i = 0; i < 40; ++i) {
    Outcome& one = outcomes.emplace_back();
    one.text = std::to_string(i) + std::string(2000, 'x');
    one.record = record_of(one.text);
    CO_RETURN_IF_ERROR(log.submit(std::span<const Record>(&one.record, 1), one));
  }
  if (!log.congested()) co_return Error(Code::internal, "nobody waits for room");
  CO_RETURN_IF_ERROR(co_await sleep_for(env, seconds(2)));
  int written = 0;
  bool refused = false;
  for (const Outcome& one : outcomes) {
    if (!one.result) co_return Error(Code::internal, "not told");
    if (one.result->ok() && refused) co_return Error(Code::internal, one.text.substr(0, 2) + " overtook another");
    written += one.result->ok();
    refused = refused || !one.result->ok();
  }
  if (!refused) co_return Error(Code::internal, "none was refused");
  co_return written;
}
}  // namespace

TEST_CASE("what waits for room does not overtake what a full disk has refused") {
  Rig rig;
  auto body = [&rig](Env& env, wal::Log& log) { return submit_many(rig, env, log); };
  auto written = rig.with_log<int>(body);
  std::string why = written.ok() ? std::string() : written.error().to_string();
  INFO(why);
  REQUIRE(written.ok());
  auto kept = rig.reopen();
  REQUIRE(kept.ok());
  EXPECT_EQ((*kept)[1].size(), static_cast<std::size_t>(*written));
}
