#include "tools/cli/real_world.h"

#include "base/real/runner.h"

namespace vortex::cli {

namespace {
Task<int> keep_result(Task<Status> task, Status& result) {
  result = co_await std::move(task);
  co_return 0;
}
}  // namespace

Status run_in_real_world(const std::function<Task<Status>(Env&)>& task) {
  RealOptions options;
  options.log_level = LogLevel::warn;
  Runner runner(options);
  Status result;
  runner.run(keep_result(task(runner.env()), result));
  return result;
}

}  // namespace vortex::cli
