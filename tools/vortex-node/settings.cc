#include "tools/vortex-node/settings.h"

#include <fstream>
#include <sstream>

namespace vortex {

namespace {

void declare_all(Settings& settings, NodeSettings& into, bool& log_json) {
  node::declare(settings, into.node);
  settings.text("config", into.config, "a JSON file with the same names as these flags");
  settings.text("log-file", into.log_file, "instead of stderr; reopened on SIGHUP, so that logs can be rotated");
  settings.choice(
      "log-level", into.log_level,
      {{"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warn", LogLevel::warn}, {"error", LogLevel::error}},
      "what is worth a line");
  settings.flag("log-json", log_json, "one JSON object a line");
  settings.flag("version", into.version, "print the version and end");
  settings.flag("help", into.help, "print this and end");
}

Result<std::string> read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error(Code::bad_config, "setting \"config\": cannot read " + path);
  return text.str();
}

}  // namespace

Result<NodeSettings> read_node_settings(const std::vector<std::string>& arguments) {
  NodeSettings into;
  bool log_json = false;
  Settings settings;
  declare_all(settings, into, log_json);
  ASSIGN_OR_RETURN(std::vector<std::string> rest, settings.read_arguments(arguments));
  if (!rest.empty())
    return Error(Code::bad_config, "\"" + rest.front() + "\" is not a flag; all that vortex-node is told has a name");
  if (into.help || into.version) return into;
  if (!into.config.empty()) {
    ASSIGN_OR_RETURN(std::string json, read_text(into.config));
    RETURN_IF_ERROR(settings.read_json(json, into.config));
  }
  if (log_json) into.log_format = LogFormat::json;
  RETURN_IF_ERROR(node::validate(into.node));
  return into;
}

std::string node_options_help() {
  NodeSettings unused;
  bool log_json = false;
  Settings settings;
  declare_all(settings, unused, log_json);
  return settings.help();
}

std::string node_help() {
  return "usage: vortex-node --data DIR (--create | --join TOKEN)    at the first start\n"
         "       vortex-node --data DIR                              later\n\n"
         "One node of a VortexNetFS cluster.\n\n" +
         node_options_help();
}

}  // namespace vortex
