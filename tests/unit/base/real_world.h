// Runs a test in the real world, with an end that comes for sure.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/env.h"
#include "base/real/runner.h"
#include "tests/unit/test.h"

namespace vortex {

// A test that hangs fails after this time instead.
inline constexpr Duration kTestMax = seconds(60);

inline void in_real_world(Task<void> (*body)(Env&)) {
  RealOptions options;
  options.log_level = LogLevel::error;
  Runner runner(options);
  auto root = [](Env& env, Task<void> (*test)(Env&)) -> Task<int> {
    auto hangs = [] { CHECK_MSG(false, "the test hangs"); };
    TimerId watchdog = env.clock().call_at(env.now() + kTestMax, UniqueFunction<void()>(hangs));
    co_await test(env);
    env.clock().cancel(watchdog);
    co_return 0;
  };
  REQUIRE_EQ(runner.run(root(runner.env(), body)), 0);
  EXPECT_EQ(runner.env().loop().parked(), 0);
}

// An empty directory, gone when the test ends.
class TestDirectory {
 public:
  explicit TestDirectory(const std::string& parent = std::filesystem::temp_directory_path().string()) {
    path_ = parent + "/vortex-test-XXXXXX";
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace vortex
