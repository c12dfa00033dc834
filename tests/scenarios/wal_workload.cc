#include "tests/scenarios/wal_workload.h"

#include "wal/inspect.h"

namespace vortex::wal::test {

WorkloadOptions::WorkloadOptions() {
  log.segment_bytes = kSegmentBytesMin;
  log.group_bytes = kGroupBytesMin;
  log.live_segments_max = 24;
  log.spares_max = 2;
}

sim::ProgramFactory Workload::program() {
  return sim::program([this](Env& env) { return live(env); });
}

void Workload::complain(std::string text) {
  if (complaint_.empty()) complaint_ = "start " + std::to_string(opens_) + ": " + text;
}

Task<Status> Workload::recover(Log& log) {
  const RecoveryReport& report = log.recovery();
  if (report.torn_tail) ++torn_;
  if (!report.sound()) complain("damage where there is none: " + report.damages.front().what);
  if (!report.hurt.empty()) complain("owner " + std::to_string(report.hurt.front().owner) + " is said to be hurt");
  Model::Check check(model_);
  CO_RETURN_IF_ERROR(co_await log.replay(check));
  std::string verdict = check.verdict();
  if (!verdict.empty()) complain(verdict + "\n" + to_text(report));
  co_return Status();
}

Task<void> Workload::live(Env& env) {
  auto opened = co_await Log::open(env, "wal", options_.log);
  if (!opened.ok()) {
    if (!opened.is(Code::cancelled) && !options_.faulty) complain("open: " + opened.error().to_string());
    co_return;
  }
  ++opens_;
  Log& log = **opened;
  auto recovered = co_await recover(log);
  if (!recovered.ok()) {
    if (!recovered.is(Code::cancelled) && !options_.faulty) complain("replay: " + recovered.error().to_string());
    co_await log.stop();
    co_return;
  }
  SegmentId before = log.end().segment();
  {
    TaskGroup writers(env.loop());
    Parking all_done(env.loop());
    writing_ = options_.writers;
    for (std::size_t i = 0; i < options_.writers; ++i)
      writers.spawn(write_and_tell(write(env, log, opens_ * 1000 + i), all_done));
    writers.spawn(keep_house(env, log));
    if (writing_ > 0) {
      co_await all_done.park();
    }
    writers.cancel();
    co_await writers.join();
  }
  segments_opened_ += log.end().segment() - before;
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() == asio::cancellation_type::none) {
    auto closed = co_await log.close();
    if (!closed.ok() && !options_.faulty) complain("close: " + closed.error().to_string());
  } else {
    co_await log.stop();
  }
}

Task<void> Workload::write_and_tell(Task<void> writer, Parking& all_done) {
  co_await std::move(writer);
  if (--writing_ == 0) all_done.wake();
}

Task<void> Workload::write(Env& env, Log& log, std::uint64_t seed) {
  sim::Dice dice = world_.dice("writer", seed);
  for (std::uint64_t i = 0; options_.operations == 0 || i < options_.operations; ++i) {
    switch (dice.below(24)) {
      case 0:
      case 1:
        co_await truncate(log, dice);
        break;
      case 2:
        co_await drop(log, dice);
        break;
      case 3: {
        auto slept = co_await sleep_for(env, microseconds(dice.below(3000)));
        if (!slept.ok()) co_return;
        break;
      }
      default:
        co_await append(log, dice);
    }
    auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
    // A log that refuses everything would never let time pass.
    auto paused = co_await sleep_for(env, microseconds(1));
    if (!paused.ok()) co_return;
  }
}

// Where the log has no room left all writers wait in it, and somebody else must let go of something.
Task<void> Workload::keep_house(Env& env, Log& log) {
  while (writing_ > 0) {
    auto slept = co_await sleep_for(env, milliseconds(2));
    if (!slept.ok()) co_return;
    if (log.live_segments() * 2 < options_.log.live_segments_max) continue;
    auto holders = log.holders(1);
    if (!holders.empty() && !model_.drop_under_way(holders[0].owner))
      co_await truncate_to(log, holders[0].owner, log.end());
  }
}

Task<void> Workload::append(Log& log, sim::Dice& dice) {
  std::vector<OwnerId> owners;
  std::size_t count = 1 + (dice.one_in(4) ? dice.below(3) : 0);
  for (std::size_t i = 0; i < count; ++i) {
    OwnerId owner = 100 + dice.below(options_.owners);
    if (!model_.drop_under_way(owner)) owners.push_back(owner);
  }
  if (owners.empty()) co_return;
  Model::Plan plan = model_.begin(dice, owners, options_.records_max, options_.bytes_max);
  std::span<const Record> records(plan.records);
  auto appended = co_await log.append(records);
  model_.ended(plan.batch, appended);
  if (appended.is(Code::no_space)) ++refused_for_space_;
  if (!appended.ok() && !appended.is(Code::cancelled) && !options_.faulty)
    complain("append: " + appended.error().to_string());
}

Task<void> Workload::truncate(Log& log, sim::Dice& dice) {
  OwnerId owner = 100 + dice.below(options_.owners);
  if (model_.drop_under_way(owner)) co_return;
  // Who holds the log back must go on, or it fills up.
  auto holders = log.holders(1);
  Lsn before = model_.place_to_truncate(dice, owner, log.end());
  if (!holders.empty() && dice.one_in(2) && !model_.drop_under_way(holders[0].owner)) {
    owner = holders[0].owner;
    before = log.end();
  }
  co_await truncate_to(log, owner, before);
}

Task<void> Workload::truncate_to(Log& log, OwnerId owner, Lsn before) {
  model_.truncating(owner, before);
  auto truncated = co_await log.truncate(owner, before);
  if (truncated.ok()) {
    model_.truncated(owner, before);
  } else if (!truncated.is(Code::cancelled) && !truncated.is(Code::not_found) && !options_.faulty) {
    complain("truncate: " + truncated.error().to_string());
  }
}

Task<void> Workload::drop(Log& log, sim::Dice& dice) {
  OwnerId owner = 100 + dice.below(options_.owners);
  if (!dice.one_in(4) || !model_.quiet(owner) || model_.drop_under_way(owner)) co_return;
  model_.dropping(owner);
  auto dropped = co_await log.drop_owner(owner);
  if (dropped.ok()) {
    model_.dropped(owner);
  } else {
    model_.not_dropped(owner);
    if (!dropped.is(Code::cancelled) && !options_.faulty) complain("drop: " + dropped.error().to_string());
  }
}

std::string Workload::check(sim::Machine& machine) {
  model_.crashed();
  if (machine.running()) machine.kill();
  auto body = [](Env& env, Workload& self) -> Task<Status> {
    CO_ASSIGN_OR_RETURN(auto log, co_await Log::open(env, "wal", self.options_.log));
    ++self.opens_;
    auto recovered = co_await self.recover(*log);
    auto closed = co_await log->close();
    if (recovered.ok()) co_return closed;
    co_return recovered;
  };
  Status checked = world_.run(machine, body, *this);
  if (!checked.ok()) complain("the last start: " + checked.error().to_string());
  return complaint_;
}

}  // namespace vortex::wal::test
