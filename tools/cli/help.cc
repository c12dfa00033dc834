#include "tools/cli/help.h"

#include <algorithm>
#include <utility>

#include "tools/cli/text_table.h"

namespace vortex::cli {

namespace {

// Two columns, indented; the first as wide as its longest entry.
std::string columns(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::size_t width = 0;
  for (const auto& [left, right] : lines) width = std::max(width, text_width(left));
  std::string out;
  for (const auto& [left, right] : lines)
    out += "  " + left + std::string(width - text_width(left) + 2, ' ') + right + "\n";
  return out;
}

std::string flag_table(const std::vector<Flag>& flags) {
  std::vector<std::pair<std::string, std::string>> lines;
  for (const Flag& flag : flags) {
    std::string left = flag.letter != 0 ? std::string("-") + flag.letter + ", " : "";
    left += flag.name + (flag.value.empty() ? "" : " " + flag.value);
    lines.emplace_back(std::move(left), flag.help);
  }
  return columns(lines);
}

}  // namespace

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags = {
      {"--connect", "HOST:PORT,…", "nodes to ask; any will do, several in case one is down", 0},
      {"--key", "FILE", "the access key", 0},
      {"--transport", "tls|plain", "how to talk to them; tls", 0},
      {"--config", "FILE", "a client.json with what the three flags above would say", 0},
      {"--timeout", "SECONDS", "how long to try; 30", 0},
      {"--json", "", "one JSON object instead of text, errors included", 0},
      {"--help", "", "what a command does and how", 'h'}};
  return flags;
}

std::string help_text(const std::vector<Command>& commands) {
  std::vector<std::string> groups;
  for (const Command& command : commands)
    if (std::find(groups.begin(), groups.end(), command.group) == groups.end()) groups.push_back(command.group);

  std::string out = "usage: vortex [options] COMMAND …\n";
  for (const std::string& group : groups) {
    std::vector<std::pair<std::string, std::string>> lines;
    for (const Command& command : commands) {
      if (command.group != group) continue;
      lines.emplace_back(command.name + (command.arguments.empty() ? "" : " " + command.arguments), command.summary);
    }
    out += "\n" + group + "\n" + columns(lines);
  }
  return out + "\noptions\n" + flag_table(global_flags()) + "\n'vortex help COMMAND' says more about each.\n";
}

std::string help_text(const Command& command) {
  std::string out = "usage: vortex " + command.name;
  if (!command.flags.empty()) out += " [options]";
  if (!command.arguments.empty()) out += " " + command.arguments;
  out += "\n\n" + command.summary + "\n";
  if (!command.details.empty()) out += "\n" + command.details + "\n";
  std::vector<Flag> flags = command.flags;
  flags.insert(flags.end(), global_flags().begin(), global_flags().end());
  return out + "\noptions\n" + flag_table(flags);
}

}  // namespace vortex::cli
