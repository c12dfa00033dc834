// What can be said to vortex-node, on the command line and in its configuration file.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/real/log_sink.h"
#include "node/options.h"

namespace vortex {

struct NodeSettings {
  node::NodeOptions node;
  std::string config;
  std::string log_file;  // empty: stderr
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  bool help = false;
  bool version = false;
};

// Reads the command line, then the configuration file that it names, if any. Errors are bad_config and name the
// setting.
Result<NodeSettings> read_node_settings(const std::vector<std::string>& arguments);
// A line for each option.
std::string node_options_help();
// For --help.
std::string node_help();

}  // namespace vortex
