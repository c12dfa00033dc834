#include "base/settings.h"

#include "base/units.h"
#include "tests/unit/test.h"

using namespace vortex;

namespace {
enum class Topology { all_to_all, ring };

struct Node {
  std::string data;
  Address listen = Address::parse("0.0.0.0:7400").value();
  Topology topology = Topology::all_to_all;
  bool create = false;
  int partitions = 256;
  Duration heartbeat = milliseconds(300);
  std::uint64_t inline_max = 64 << 10;
  Settings settings;

  Node() {
    settings.text("data", data, "the data directory");
    settings.address("listen", listen, "where to listen");
    settings.choice("topology", topology, {{"all-to-all", Topology::all_to_all}, {"ring", Topology::ring}},
                    "who talks");
    settings.flag("create", create, "make a new cluster");
    settings.number("partitions", partitions, 1, 65536, "a power of two");
    settings.duration("heartbeat", heartbeat, milliseconds(10), seconds(60), "how often");
    settings.size("inline-max", inline_max, 0, 1 << 20, "small files");
  }
  Result<std::vector<std::string>> arguments(std::vector<std::string> list) { return settings.read_arguments(list); }
};

template <class T>
bool complains(const Result<T>& result, std::initializer_list<std::string_view> words) {
  if (!result.is(Code::bad_config)) return false;
  for (std::string_view word : words)
    if (result.error().message().find(word) == std::string_view::npos) {
      DOCTEST_MESSAGE("\"" << result.error().message() << "\" does not say \"" << word << "\"");
      return false;
    }
  return true;
}
}  // namespace

TEST_CASE("settings come from the command line in every usual spelling") {
  Node node;
  auto rest = node.arguments({"--data", "/d", "one", "--listen=[::1]:80", "--topology", "ring", "--create",
                              "--partitions=16", "--heartbeat", "1.5s", "--inline-max", "4KiB", "--", "--two"});
  REQUIRE(rest.ok());
  EXPECT_EQ(*rest, std::vector<std::string>({"one", "--two"}));
  EXPECT_EQ(node.data, "/d");
  EXPECT_EQ(node.listen.to_string(), "[::1]:80");
  EXPECT(node.topology == Topology::ring);
  EXPECT(node.create);
  EXPECT_EQ(node.partitions, 16);
  EXPECT(node.heartbeat == milliseconds(1500));
  EXPECT_EQ(node.inline_max, 4096);
  EXPECT(node.settings.given("data"));
  REQUIRE(node.arguments({"--create=false", "--partitions", "8", "--partitions", "4"}).ok());
  EXPECT(!node.create);
  EXPECT_EQ(node.partitions, 4);
}

TEST_CASE("settings come from a file, and the command line wins in whichever order they are read") {
  Node node;
  const char* json = R"({"data": "/f", "partitions": 32, "heartbeat": "2s", "inline-max": 100, "create": true})";
  REQUIRE(node.arguments({"--partitions", "64"}).ok());
  Status read = node.settings.read_json(json, "node.json");
  REQUIRE(read.ok());
  EXPECT_EQ(node.data, "/f");
  EXPECT_EQ(node.partitions, 64);
  EXPECT(node.heartbeat == seconds(2));
  EXPECT_EQ(node.inline_max, 100);
  EXPECT(node.create);
  EXPECT(node.settings.given("heartbeat"));
  EXPECT(!node.settings.given("listen"));
  REQUIRE(node.arguments({"--heartbeat", "20ms"}).ok());
  EXPECT(node.heartbeat == milliseconds(20));
}

TEST_CASE("an unknown setting is named, and what was meant is suggested") {
  Node node;
  EXPECT(complains(node.arguments({"--lisen", "x"}), {"--lisen", "did you mean \"--listen\""}));
  EXPECT(complains(node.arguments({"--inline_max=1"}), {"--inline_max", "\"--inline-max\""}));
  EXPECT(complains(node.arguments({"--haertbeat=1s"}), {"\"--heartbeat\""}));
  auto far = node.arguments({"--frobnicate"});
  EXPECT(complains(far, {"--frobnicate"}));
  EXPECT(far.error().message().find("did you mean") == std::string_view::npos);
  EXPECT(complains(node.settings.read_json(R"({"partition": 1})", "a.json"),
                   {"a.json", "\"partition\"", "\"partitions\""}));
}

TEST_CASE("an impossible value names the setting and says what is possible") {
  Node node;
  EXPECT(complains(node.arguments({"--partitions", "0"}), {"partitions", "from 1 to 65536"}));
  EXPECT(complains(node.arguments({"--partitions", "ten"}), {"partitions", "\"ten\"", "whole number"}));
  EXPECT(complains(node.arguments({"--partitions", "99999999999999999999"}), {"partitions"}));
  EXPECT(complains(node.arguments({"--heartbeat", "5"}), {"heartbeat", "300ms"}));
  EXPECT(complains(node.arguments({"--heartbeat", "1ms"}), {"heartbeat", "from 10ms to 1m"}));
  EXPECT(complains(node.arguments({"--inline-max", "2MiB"}), {"inline-max", "1MiB"}));
  EXPECT(complains(node.arguments({"--topology", "rign"}), {"topology", "all-to-all|ring", "did you mean \"ring\""}));
  EXPECT(complains(node.arguments({"--listen", "host"}), {"listen", "port"}));
  EXPECT(complains(node.arguments({"--create=maybe"}), {"create", "maybe"}));
  EXPECT(complains(node.arguments({"--data"}), {"data", "--data TEXT"}));
  EXPECT(complains(node.arguments({"--data", "--create"}), {"data", "missing"}));
  EXPECT_EQ(node.partitions, 256);
  EXPECT(node.heartbeat == milliseconds(300));
}

TEST_CASE("a file that is not what it should be is refused with the place") {
  Node node;
  EXPECT(complains(node.settings.read_json("{\"data\": \n x}", "f"), {"f: ", "line 2"}));
  EXPECT(complains(node.settings.read_json("[]", "f"), {"object"}));
  EXPECT(complains(node.settings.read_json("", "f"), {"f"}));
  EXPECT(complains(node.settings.read_json(R"({"data": 7})", "f"), {"data", "quotes"}));
  EXPECT(complains(node.settings.read_json(R"({"create": "yes"})", "f"), {"create", "true or false"}));
  EXPECT(complains(node.settings.read_json(R"({"partitions": 1.5})", "f"), {"partitions", "whole"}));
  EXPECT(complains(node.settings.read_json(R"({"heartbeat": 300})", "f"), {"heartbeat", "300ms"}));
  EXPECT(complains(node.settings.read_json(R"({"heartbeat": {}})", "f"), {"heartbeat"}));
  EXPECT(complains(node.settings.read_json(R"({"data": "a", "data": "b"})", "f"), {"data", "twice"}));
  EXPECT(complains(node.settings.read_json("{\"data\": \"\xff\"}", "f"), {"f"}));
  std::string deep(100'000, '[');
  EXPECT(complains(node.settings.read_json(deep, "f"), {"f"}));
}

TEST_CASE("the help shows each setting with its default") {
  Node node;
  std::string help = node.settings.help();
  EXPECT(help.find("--heartbeat DURATION") != std::string::npos);
  EXPECT(help.find("how often (300ms)") != std::string::npos);
  EXPECT(help.find("--topology all-to-all|ring") != std::string::npos);
  EXPECT(help.find("small files (64KiB)") != std::string::npos);
}

TEST_CASE("a text can be checked by its own rule") {
  std::string zone;
  Settings settings;
  auto short_enough = [](const std::string& value) -> Status {
    if (value.size() > 3) return Error(Code::invalid_argument, "too long");
    return Status();
  };
  settings.text("zone", zone, "where it stands", short_enough);
  std::vector<std::string> bad = {"--zone", "abcd"}, good = {"--zone", "abc"};
  EXPECT(complains(settings.read_arguments(bad), {"zone", "too long"}));
  EXPECT(settings.read_arguments(good).ok());
  EXPECT_EQ(zone, "abc");
}

TEST_CASE("durations and sizes are read and written as people do") {
  EXPECT(*parse_duration("300ms") == milliseconds(300));
  EXPECT(*parse_duration("1h30m") == seconds(5400));
  EXPECT(*parse_duration("0") == Duration(0));
  EXPECT(*parse_duration("0.5s") == milliseconds(500));
  EXPECT(*parse_duration("2d") == seconds(172800));
  for (const char* text : {"", "5", "ms", "-1s", "1 s", "1.s", "1fortnight", "999999999999h", "1s2", "+1s", "0x1s"}) {
    CAPTURE(text);
    EXPECT(!parse_duration(text).ok());
  }
  EXPECT_EQ(format_duration(seconds(90)), "90s");
  EXPECT_EQ(format_duration(seconds(3600)), "1h");
  EXPECT_EQ(format_duration(Duration(0)), "0ns");
  EXPECT_EQ(*parse_size("64KiB"), 65536);
  EXPECT_EQ(*parse_size("1.5GiB"), 1610612736);
  EXPECT_EQ(*parse_size("2TB"), 2'000'000'000'000);
  EXPECT_EQ(*parse_size("4096"), 4096);
  EXPECT_EQ(*parse_size("2T"), std::uint64_t(2) << 40);
  for (const char* text : {"", "KiB", "-1", "1kib", "1 KiB", "99999999EiB", "1e3", "0x10", "1KiBx"}) {
    CAPTURE(text);
    EXPECT(!parse_size(text).ok());
  }
  for (std::uint64_t bytes :
       {std::uint64_t(0), std::uint64_t(1), std::uint64_t(1000), std::uint64_t(65536), std::uint64_t(3) << 40})
    EXPECT_EQ(*parse_size(format_size(bytes)), bytes);
  EXPECT_EQ(format_size(65536), "64KiB");
}
