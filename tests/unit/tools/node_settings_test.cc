#include "tools/vortex-node/settings.h"

#include <filesystem>
#include <fstream>

#include "base/real/resolver.h"
#include "tests/unit/test.h"
#include "tools/vortex-node/log_file.h"
#include "tools/vortex-node/own_address.h"
#include "tools/vortex-node/program.h"

using namespace vortex;

namespace {

std::string error_of(const std::vector<std::string>& arguments) {
  auto settings = read_node_settings(arguments);
  return settings.ok() ? std::string() : std::string(settings.error().message());
}

std::string scratch(const std::string& name) {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("vortex_test_" + name);
  std::filesystem::remove_all(path);
  return path.string();
}

}  // namespace

TEST_CASE("a node is told everything by flags of the names that its file uses") {
  auto settings = read_node_settings({"--data", "/d", "--create", "--listen", "127.0.0.1:1", "--zone=rack-7",
                                      "--capacity", "2TiB", "--topology", "ring", "--heartbeat", "100ms"});
  REQUIRE(settings.ok());
  EXPECT_EQ(settings->node.data, "/d");
  EXPECT(settings->node.create);
  EXPECT_EQ(settings->node.listen.to_string(), "127.0.0.1:1");
  EXPECT_EQ(settings->node.zone, "rack-7");
  EXPECT_EQ(settings->node.capacity, std::uint64_t(2) << 40);
  EXPECT((settings->node.heartbeat == milliseconds(100)));
  EXPECT_EQ(settings->node.replicas, 3);

  std::string file = scratch("node.json");
  std::ofstream(file) << R"({"zone": "rack-8", "replicas": 5, "log-json": true, "heartbeat": "1s"})";
  settings = read_node_settings({"--data", "/d", "--config", file, "--zone", "rack-7"});
  REQUIRE(settings.ok());
  EXPECT_EQ(settings->node.zone, "rack-7");
  EXPECT_EQ(settings->node.replicas, 5);
  EXPECT((settings->log_format == LogFormat::json));
  std::filesystem::remove(file);
}

TEST_CASE("an impossible setting is named") {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{}, "\"data\""},
      {{"--data", "/d", "--create", "--join", "x"}, "\"join\""},
      {{"--data", "/d", "--partitions", "100"}, "\"partitions\""},
      {{"--data", "/d", "--replicas", "2"}, "\"replicas\""},
      {{"--data", "/d", "--min-replicas", "5"}, "\"min-replicas\""},
      {{"--data", "/d", "--evict-after", "1s", "--heartbeat", "1s"}, "\"evict-after\""},
      {{"--data", "/d", "--zone", "a b"}, "\"zone\""},
      {{"--data", "/d", "--topology", "star"}, "\"topology\""},
      {{"--data", "/d", "--inline-max", "1MiB"}, "\"inline-max\""},
      {{"--data", "/d", "--advertise", "host:0"}, "\"advertise\""},
      {{"--data", "/d", "--listne", "x:1"}, "--listen"},
      {{"--data", "/d", "stray"}, "\"stray\""},
      {{"--data", "/d", "--config", "/nowhere/node.json"}, "/nowhere/node.json"}};
  for (const auto& [arguments, named] : wrong) {
    std::string error = error_of(arguments);
    DOCTEST_INFO(error);
    EXPECT(error.find(named) != std::string::npos);
  }
}

TEST_CASE("help and version are printed, mistakes are told with where to look") {
  std::ostringstream out, err;
  EXPECT_EQ(run_node_program({"--help"}, out, err), 0);
  EXPECT(out.str().find("--evict-after") != std::string::npos);
  EXPECT_EQ(run_node_program({"--version"}, out, err), 0);
  EXPECT(out.str().find("vortex-node ") != std::string::npos);
  EXPECT_EQ(err.str(), "");
  EXPECT_EQ(run_node_program({"--dtaa", "x"}, out, err), 2);
  EXPECT(err.str().find("did you mean \"--data\"") != std::string::npos);
}

TEST_CASE("a log file that was moved away is begun anew, under the same descriptor") {
  std::string path = scratch("log");
  auto log = LogFile::open(path);
  REQUIRE(log.ok());
  int descriptor = log->descriptor();
  DescriptorLogSink sink(descriptor, LogFormat::text);
  LogRecord record;
  record.message = "before";
  sink.write(record);
  std::filesystem::rename(path, path + ".1");
  EXPECT(log->reopen().ok());
  EXPECT_EQ(log->descriptor(), descriptor);
  record.message = "after";
  sink.write(record);
  auto text = [](const std::string& name) {
    std::ostringstream all;
    all << std::ifstream(name).rdbuf();
    return all.str();
  };
  EXPECT(text(path + ".1").find("before") != std::string::npos);
  EXPECT(text(path).find("after") != std::string::npos);
  EXPECT(text(path).find("before") == std::string::npos);
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".1");
  EXPECT(LogFile::open("/nowhere/at/all/log").is(Code::bad_config));
}

TEST_CASE("a machine that listens everywhere tells others an address of its own") {
  EXPECT(is_wildcard("0.0.0.0"));
  EXPECT(is_wildcard("::"));
  EXPECT(!is_wildcard("127.0.0.1"));
  std::string address = own_address();
  EXPECT(is_numeric(address));
  EXPECT(!is_wildcard(address));
}
