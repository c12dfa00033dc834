// A machine with a log, for tests that go step by step.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/sim/world.h"
#include "wal/inspect.h"
#include "wal/log.h"

namespace vortex::wal::test {

// 64 KiB segments and 16 KiB groups.
Options small_options();

struct Kept {
  Lsn lsn;
  std::string text;
  bool operator==(const Kept&) const = default;
};
using Contents = std::map<OwnerId, std::vector<Kept>>;

class Collector final : public Replayer {
 public:
  Status record(const StoredRecord& record) override;
  Contents contents;
};

// Records that carry a text each.
Task<Result<Appended>> append_text(Log& log, OwnerId owner, std::string text);
Task<Result<Contents>> contents(Log& log);

class Rig {
 public:
  explicit Rig(std::uint64_t seed = 1) : world(seed, quiet()), machine(world.add_machine()) {}
  // Opens the log on the machine; `body` gets it and is expected to close or stop it.
  template <class T, class Body>
  Result<T> with_log(Body body, Options options = small_options()) {
    auto task = [](Env& env, Body work, Options how) -> Task<Result<T>> {
      CO_ASSIGN_OR_RETURN(auto log, co_await Log::open(env, "wal", how));
      auto result = co_await work(env, *log);
      co_await log->stop();
      co_return result;
    };
    return world.run(machine, task, std::move(body), std::move(options));
  }
  Result<RecoveryReport> inspect() {
    auto task = [](Env& env) -> Task<Result<RecoveryReport>> { return wal::inspect(env, "wal"); };
    return world.run(machine, task);
  }
  Result<Contents> reopen() {
    auto body = [](Env&, Log& log) -> Task<Result<Contents>> { return contents(log); };
    return with_log<Contents>(body);
  }

  sim::World world;
  sim::Machine& machine;

 private:
  static sim::WorldOptions quiet() {
    sim::WorldOptions options;
    options.log_level = static_cast<LogLevel>(static_cast<int>(LogLevel::error) + 1);
    return options;
  }
};

}  // namespace vortex::wal::test
