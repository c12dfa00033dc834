#include "tools/dev/child.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::dev;

namespace {
struct Log {
  std::string path = std::filesystem::temp_directory_path() / ("vortex_child_" + std::to_string(::getpid()));
  ~Log() { std::filesystem::remove(path); }
};
Result<Started> start_shell(const Log& log, const std::string& script, Duration patience = seconds(20)) {
  return start_child({"/bin/sh", "-c", script}, log.path, patience);
}
}  // namespace

TEST_CASE("a process is started, is alive, and is gone when its end was asked for") {
  Log log;
  auto started = start_shell(log, "echo ready here; exec sleep 1000");
  REQUIRE(started.ok());
  EXPECT_EQ(started->first_line, "ready here");
  EXPECT(started->child.alive());
  Child other = started->child;
  ++other.started;
  EXPECT(!other.alive());  // the number may be used again; the moment is not
  EXPECT(end_child(other, SIGKILL, seconds(10)).ok());
  EXPECT(started->child.alive());
  EXPECT(end_child(started->child, SIGTERM, seconds(10)).ok());
  EXPECT(!started->child.alive());
  EXPECT(end_child(started->child, SIGTERM, seconds(10)).ok());
}

TEST_CASE("a process that ends before it is ready fails with its last words") {
  Log log;
  auto started = start_shell(log, "echo first >&2; echo 'the disk is on fire' >&2; exit 3");
  REQUIRE(!started.ok());
  EXPECT(started.error().message().find("the disk is on fire") != std::string_view::npos);
  EXPECT(!start_child({"/nowhere/program"}, log.path, seconds(20)).ok());
}

TEST_CASE("a process that never gets ready is not left behind") {
  Log log;
  auto started = start_shell(log, "echo $$ >&2; exec sleep 1000", milliseconds(300));
  REQUIRE(!started.ok());
  std::string message(started.error().message());
  int pid = std::stoi(message.substr(message.rfind(' ')));
  EXPECT(::kill(pid, 0) != 0);
}

TEST_CASE("who does not want to end is reported") {
  Log log;
  auto started = start_shell(log, "trap '' TERM; echo ready; while :; do sleep 1; done");
  REQUIRE(started.ok());
  EXPECT(end_child(started->child, SIGTERM, milliseconds(200)).is(Code::timed_out));
  EXPECT(end_child(started->child, SIGKILL, seconds(10)).ok());
}
