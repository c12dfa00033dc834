#include "tools/cli/connection.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/unit/test.h"
#include "tools/cli/output.h"

using namespace vortex;
using namespace vortex::cli;

namespace {

struct Desk {
  Desk() {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory + "/.config/vortex");
    write("root.key", node::AccessKeyText().to_text());
    variables["HOME"] = directory;
  }
  ~Desk() { std::filesystem::remove_all(directory); }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory + "/" + name) << text;
    return directory + "/" + name;
  }
  Result<ConnectionSettings> read() {
    Output output(false, out, err);
    auto variables_of = variables;
    auto environment = [variables_of](const std::string& name) -> std::optional<std::string> {
      auto found = variables_of.find(name);
      if (found == variables_of.end()) return std::nullopt;
      return found->second;
    };
    return connection_settings(invocation, environment, output);
  }

  std::string directory = std::filesystem::temp_directory_path() / "vortex_connection_test";
  std::map<std::string, std::string> variables;
  Invocation invocation;
  std::ostringstream out, err;
};

}  // namespace

TEST_CASE("flags count more than the environment, and that more than the file") {
  Desk desk;
  desk.write(".config/vortex/client.json",
             R"({"connect": ["a:1", "b:2"], "key": ")" + desk.directory + R"(/root.key", "transport": "plain"})");
  auto settings = desk.read();
  REQUIRE(settings.ok());
  EXPECT_EQ(settings->addresses.size(), 2);
  EXPECT((settings->transport == net::Transport::plain));

  desk.variables["VORTEX_CONNECT"] = "c:3";
  EXPECT_EQ(desk.read()->addresses[0].to_string(), "c:3");
  desk.invocation.set("--connect", "d:4,e:5,");
  EXPECT_EQ(desk.read()->addresses[1].to_string(), "e:5");
  desk.invocation.set("--transport", "tls");
  EXPECT((desk.read()->transport == net::Transport::tls));

  desk.variables["VORTEX_CONFIG"] = desk.write("other.json", R"({"key": "/nowhere"})");
  EXPECT(desk.read().is(Code::bad_config));
  desk.variables["VORTEX_KEY"] = node::AccessKeyText().to_text();
  EXPECT(desk.read().ok());
}

TEST_CASE("what is missing or wrong is said") {
  auto error_with = [](auto change) {
    Desk desk;
    desk.invocation.set("--connect", "a:1");
    desk.invocation.set("--key", desk.directory + "/root.key");
    REQUIRE(desk.read().ok());
    change(desk);
    auto settings = desk.read();
    REQUIRE(!settings.ok());
    return std::string(settings.error().message());
  };
  auto says = [](const std::string& error, const char* what) { return error.find(what) != std::string::npos; };
  auto set = [](const char* flag, std::string value) {
    return [flag, value](Desk& desk) { desk.invocation.set(flag, value); };
  };
  EXPECT(says(error_with([](Desk& desk) { desk.invocation = Invocation(); }), "which cluster?"));
  EXPECT(says(error_with(set("--connect", "a")), "a"));
  EXPECT(says(error_with(set("--connect", ",")), "empty"));
  EXPECT(says(error_with(set("--key", "/nowhere/key")), "/nowhere/key"));
  EXPECT(says(error_with(set("--key", "vxkey1aaaa")), "mistyped"));
  EXPECT(says(error_with(set("--transport", "pigeon")), "pigeon"));
  EXPECT(says(error_with(set("--timeout", "soon")), "--timeout"));
  EXPECT(says(error_with(set("--config", "/nowhere/client.json")), "/nowhere/client.json"));
  EXPECT(says(error_with([](Desk& desk) { desk.invocation.set("--config", desk.write("x", "{\"conect\": \"a:1\"}")); }),
              "conect"));
  EXPECT(says(error_with([](Desk& desk) { desk.invocation.set("--config", desk.write("x", "[")); }), "JSON"));
  EXPECT(says(error_with([](Desk& desk) {
                desk.invocation = Invocation();
                desk.invocation.set("--connect", "a:1");
              }),
              "access key"));
}
