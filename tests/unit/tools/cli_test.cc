#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/test.h"
#include "tools/cli/command.h"
#include "tools/cli/help.h"
#include "tools/cli/output.h"
#include "tools/cli/parse.h"

using namespace vortex;
using namespace vortex::cli;

namespace {

// Says what it was given, or fails as told by --fail.
Command echo(const std::string& name) {
  Command command;
  command.name = name;
  command.group = "trying";
  command.arguments = "WORD…";
  command.arguments_min = 1;
  command.arguments_max = 2;
  command.summary = "says it again";
  command.flags = {{"--loud", "", "louder", 'l'}, {"--times", "N", "how often", 't'}, {"--fail", "", "fails", 'f'}};
  command.run = [name](const Invocation& invocation, Output& out) -> Status {
    if (invocation.has("--fail")) return Error(Code::damaged, "broken on purpose");
    ASSIGN_OR_RETURN(double times, invocation.number("--times", 1, 0));
    std::string said = name;
    for (const std::string& argument : invocation.arguments) said += " " + argument;
    if (invocation.has("--loud")) said += "!";
    out.text(said + " x" + std::to_string(static_cast<int>(times)) + "\n");
    out.put("said", said);
    return {};
  };
  return command;
}

struct Ran {
  int status;
  std::string out;
  std::string err;
};

Ran run_words(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  int status = run({echo("chunk"), echo("wal inspect"), echo("wal")}, words, out, err);
  return {status, out.str(), err.str()};
}

nlohmann::json error_of(const Ran& ran) { return nlohmann::json::parse(ran.out).at("error"); }

}  // namespace

TEST_CASE("a command gets its arguments and flags, wherever they stand") {
  EXPECT_EQ(run_words({"chunk", "a", "b"}).out, "chunk a b x1\n");
  EXPECT_EQ(run_words({"chunk", "--loud", "a", "--times", "3", "b"}).out, "chunk a b! x3\n");
  EXPECT_EQ(run_words({"chunk", "a", "--times=4"}).out, "chunk a x4\n");
  EXPECT_EQ(run_words({"chunk", "-lt5", "a"}).out, "chunk a! x5\n");
  EXPECT_EQ(run_words({"chunk", "-lt", "6", "a"}).out, "chunk a! x6\n");
  EXPECT_EQ(run_words({"chunk", "-", "--", "--loud"}).out, "chunk - --loud x1\n");
}

TEST_CASE("the longest name of a command wins") {
  EXPECT_EQ(run_words({"wal", "inspect", "dir"}).out, "wal inspect dir x1\n");
  EXPECT_EQ(run_words({"wal", "dir"}).out, "wal dir x1\n");
}

TEST_CASE("a mistake ends with status 2 and says what to type instead") {
  Ran ran = run_words({"chnuk", "a"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_EQ(ran.err, "vortex: there is no command 'chnuk'\n  did you mean 'chunk'?\n");
  EXPECT(run_words({"chunk", "--luod", "a"}).err.find("'--loud'") != std::string::npos);
  EXPECT(run_words({"chunk"}).err.find("needs WORD") != std::string::npos);
  EXPECT(run_words({"chunk", "a", "b", "c"}).err.find("does not expect 'c'") != std::string::npos);
  EXPECT(run_words({"chunk", "a", "--times"}).err.find("--times N") != std::string::npos);
  EXPECT(run_words({"chunk", "a", "--loud=yes"}).err.find("takes no value") != std::string::npos);
  for (const char* number : {"x", "", "-1", "nan", "inf", "1x"}) {
    CAPTURE(number);
    Ran wrong = run_words({"chunk", "a", "--times", number});
    EXPECT_EQ(wrong.status, 2);
    EXPECT(wrong.err.find("--times needs a number") != std::string::npos);
  }
  EXPECT_EQ(run_words({}).status, 2);
  EXPECT_EQ(run_words({"--", "--json"}).status, 2);
}

TEST_CASE("with --json there is one object, also for errors") {
  Ran good = run_words({"--json", "chunk", "a"});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(nlohmann::json::parse(good.out).at("said"), "chunk a");

  Ran failed = run_words({"chunk", "a", "--fail", "--json"});
  EXPECT_EQ(failed.status, 7);
  EXPECT_EQ(failed.err, "");
  EXPECT_EQ(error_of(failed).at("code"), "damaged");
  EXPECT_EQ(error_of(failed).at("message"), "broken on purpose");

  Ran unknown = run_words({"wal-inspect", "--json"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_EQ(error_of(unknown).at("code"), "invalid_argument");
  EXPECT_EQ(error_of(unknown).at("hint"), "did you mean 'wal inspect'?");
}

TEST_CASE("bytes that are no text do not stop the JSON") {
  Ran ran = run_words({"chunk", "\xff", "--json"});
  EXPECT_EQ(ran.status, 0);
  EXPECT(nlohmann::json::parse(ran.out).contains("said"));
}

TEST_CASE("help's second column is straight, whatever letters stand before it") {
  cli::Command narrow, wide;
  narrow.name = "cat", narrow.arguments = "PATH…", narrow.summary = "prints";
  wide.name = "find", wide.arguments = "PATH", wide.summary = "looks";
  std::string text = cli::help_text({narrow, wide});
  EXPECT(text.find("  cat PATH…  prints\n") != std::string::npos);
  EXPECT(text.find("  find PATH  looks\n") != std::string::npos);
}

TEST_CASE("help lists every command, and each explains itself") {
  for (auto words : std::vector<std::vector<std::string>>{{"help"}, {"--help"}, {"-h"}}) {
    Ran ran = run_words(words);
    EXPECT_EQ(ran.status, 0);
    EXPECT(ran.out.find("wal inspect WORD…") != std::string::npos);
  }
  for (auto words : std::vector<std::vector<std::string>>{{"help", "chunk"}, {"chunk", "--help"}}) {
    Ran ran = run_words(words);
    EXPECT_EQ(ran.status, 0);
    EXPECT(ran.out.find("-t, --times N") != std::string::npos);
  }
  Ran unknown = run_words({"help", "chunks"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT(unknown.err.find("'chunk'") != std::string::npos);
}

TEST_CASE("output that cannot be written is a failure") {
  std::ostringstream out, err;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(run({echo("chunk")}, {"chunk", "a"}, out, err), 1);
  EXPECT(err.str().find("could not be written") != std::string::npos);
}

TEST_CASE("names are similar when a third is wrong, and when their beginning was typed") {
  std::vector<std::string> names = {"status", "stat", "store"};
  EXPECT_EQ(similar("stats", names), std::vector<std::string>{"stat", "status"});
  EXPECT_EQ(similar("sto", names), std::vector<std::string>{"store"});
  EXPECT_EQ(similar("xyz", names), std::vector<std::string>{});
}
