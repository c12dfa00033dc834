// What tests of commands share.
#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/unit/test.h"
#include "tools/cli/command.h"

namespace vortex {

struct Ran {
  int status;
  nlohmann::json json;
};

// Runs the command with --json and reads what it printed.
inline Ran run_json(const cli::Command& command, std::vector<std::string> words) {
  words.push_back("--json");
  std::ostringstream out, err;
  int status = cli::run({command}, words, out, err);
  return {status, nlohmann::json::parse(out.str())};
}

// Changes one bit of a file.
inline void flip_byte(const std::string& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  auto byte = static_cast<char>(file.get() ^ 1);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  REQUIRE(file.good());
}

}  // namespace vortex
