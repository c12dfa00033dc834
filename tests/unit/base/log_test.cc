#include "base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/limits.h"
#include "base/real/log_sink.h"
#include "tests/unit/base/manual_clock.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
struct Capture final : LogSink {
  std::vector<std::string> lines;
  std::uint64_t suppressed = 0;
  void write(const LogRecord& record) override {
    lines.push_back(log_text_line(record));
    suppressed += record.suppressed;
  }
};
}  // namespace

TEST_CASE("a record is one line of text") {
  ManualClock clock;
  Capture sink;
  Log log(clock, sink, LogLevel::info);
  Id id;
  id.bytes.fill(0xcd);
  log.warn("wal", "segment damaged", Field("segment", 7), Field("path", "/a b"), Field("node", id), Field("ok", false),
           Field("error", Error(Code::busy)), Field("took", milliseconds(2)), Field("share", 0.5));
  REQUIRE_EQ(sink.lines.size(), 1);
  EXPECT_EQ(sink.lines[0],
            "2026-01-31T12:00:00.000000Z warn wal: segment damaged segment=7 path=\"/a b\" node=cdcdcdcd ok=false "
            "error=busy took=2.0 share=0.5\n");
}

TEST_CASE("what strangers send cannot pretend to be another line or break the JSON") {
  ManualClock clock;
  Capture sink;
  Log log(clock, sink, LogLevel::info);
  log.info("net", "a\nb", Field("text", "x\n2026 error \"y\" \xff"));
  REQUIRE_EQ(sink.lines.size(), 1);
  EXPECT_EQ(std::count(sink.lines[0].begin(), sink.lines[0].end(), '\n'), 1);
  Field field("text", "x\ny \xff");
  LogRecord record{clock.wall, LogLevel::error, "net", "me\nssage", std::span(&field, 1), 3};
  std::string line = log_json_line(record);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  auto object = nlohmann::json::parse(line);
  EXPECT_EQ(object["level"], "error");
  EXPECT_EQ(object["message"], "me\nssage");
  EXPECT_EQ(object["suppressed"], 3);
  EXPECT_EQ(object["time"], "2026-01-31T12:00:00.000000Z");
}

TEST_CASE("levels below the one asked for are not written") {
  ManualClock clock;
  Capture sink;
  Log log(clock, sink, LogLevel::warn);
  log.debug("a", "one");
  log.info("a", "two");
  log.warn("a", "three");
  log.error("a", "four");
  EXPECT_EQ(sink.lines.size(), 2);
  EXPECT(parse_log_level("warn") == LogLevel::warn);
  EXPECT(!parse_log_level("loud").has_value());
}

TEST_CASE("a flood of one message is bounded and what was left out is counted") {
  ManualClock clock;
  Capture sink;
  Log log(clock, sink, LogLevel::info);
  for (int i = 0; i < 1000; ++i) log.warn("net", "bad frame", Field("n", i));
  EXPECT_EQ(sink.lines.size(), kLogBurst);
  log.warn("net", "something else");
  EXPECT_EQ(sink.lines.size(), kLogBurst + 1);
  EXPECT_EQ(sink.suppressed, 0);
  // The window is over: another message makes the count be told.
  clock.move(kLogWindow);
  log.info("net", "a third thing");
  EXPECT_EQ(sink.suppressed, 1000 - kLogBurst);
  log.warn("net", "bad frame");
  EXPECT_EQ(sink.lines.size(), kLogBurst + 4);
  // At the end nothing stays untold.
  for (int i = 0; i < 100; ++i) log.warn("net", "bad frame");
  log.flush_suppressed();
  EXPECT_EQ(sink.suppressed, 1000 - kLogBurst + 101 - kLogBurst);
}

TEST_CASE("a flood of different messages is bounded too") {
  ManualClock clock;
  Capture sink;
  Log log(clock, sink, LogLevel::info);
  for (int i = 0; i < 10'000; ++i) log.warn("net", "message " + std::to_string(i));
  EXPECT_EQ(sink.lines.size(), kLogSitesMax + kLogBurst);
}

TEST_CASE("several threads may log at once, and each record is one line of the file") {
  char path[] = "/tmp/vortex-log-XXXXXX";
  int descriptor = ::mkstemp(path);
  REQUIRE(descriptor >= 0);
  ::unlink(path);
  ManualClock clock;
  DescriptorLogSink sink(descriptor, LogFormat::json);
  Log log(clock, sink, LogLevel::debug);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 250; ++i) log.debug("test", "hello", Field("thread", t), Field("i", i));
    });
  for (auto& thread : threads) thread.join();
  std::string text(1 << 20, '\0');
  ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  REQUIRE(size > 0);
  text.resize(static_cast<std::size_t>(size));
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    EXPECT(nlohmann::json::accept(text.substr(at, end - at)));
    at = end + 1;
  }
  EXPECT_EQ(lines, 1000);
  ::close(descriptor);
}
