#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/unit/test.h"
#include "tools/vortex/commands.h"

using namespace vortex;

namespace {

struct Scratch {
  std::filesystem::path path;
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "vortex-chunk-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path / name, std::ios::binary) << content;
    return (path / name).string();
  }
};

struct Ran {
  int status = 0;
  std::string out, err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

Ran run(std::vector<std::string> words) {
  std::ostringstream out, err;
  Ran ran;
  words.insert(words.begin(), "chunk");
  ran.status = cli::run(commands(), words, out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

}  // namespace

TEST_CASE("vortex chunk shows chunks, sizes, ratio and duplicates") {
  Scratch scratch;
  std::string block(65536, 'a'), other(65536, 'b');
  std::string file = scratch.write("file", block + other + block + "tail");
  Ran ran = run({"--json", "--chunk", "64KiB", "--compression", "none", "--list", file});
  REQUIRE_EQ(ran.status, 0);
  nlohmann::json json = ran.json();
  EXPECT_EQ(json["size"], 3 * 65536 + 4);
  EXPECT_EQ(json["chunks"], 4);
  EXPECT_EQ(json["chunk_size"]["smallest"], 4);
  EXPECT_EQ(json["chunk_size"]["largest"], 65536);
  EXPECT_EQ(json["duplicates"]["chunks"], 1);
  EXPECT_EQ(json["duplicates"]["bytes"], 65536);
  EXPECT_EQ(json["stored"], 2 * 65536 + 4 + 3 * 64);
  EXPECT_EQ(json["extents"].size(), 4);
  EXPECT_EQ(json["extents"][2]["chunk"], json["extents"][0]["chunk"]);
  EXPECT_EQ(json["extents"][2]["duplicate"], true);

  Ran sealed = run({"--json", "--chunk", "64KiB", "--sealing", "aes-256-gcm", "--code", "4+2", file});
  REQUIRE_EQ(sealed.status, 0);
  EXPECT_EQ(sealed.json()["duplicates"]["chunks"], 0);

  Ran text = run({file});
  REQUIRE_EQ(text.status, 0);
  EXPECT_NE(text.out.find("chunks      1 (1 compressed)"), std::string::npos);
}

TEST_CASE("vortex chunk says of an empty file that it has no chunks, and refuses what it cannot read or do") {
  Scratch scratch;
  Ran empty = run({"--json", scratch.write("empty", "")});
  REQUIRE_EQ(empty.status, 0);
  EXPECT_EQ(empty.json()["chunks"], 0);
  EXPECT_EQ(run({(scratch.path / "missing").string()}).status, 3);
  EXPECT_EQ(run({"--cut", "round", scratch.write("file", "x")}).status, 2);
  EXPECT_NE(run({scratch.path.string()}).status, 0);
  EXPECT_EQ(run({}).status, 2);
}
