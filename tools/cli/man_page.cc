#include "tools/cli/man_page.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "tools/cli/version.h"

namespace vortex::cli {

namespace {

std::string flag_lines(const std::vector<Flag>& flags) {
  std::string out;
  for (const Flag& flag : flags) {
    out += ".TP\n\\fB";
    if (flag.letter != 0) out += std::string("\\-") + flag.letter + "\\fR, \\fB";
    out += roff(flag.name) + "\\fR";
    if (!flag.value.empty()) out += " \\fI" + roff(flag.value) + "\\fR";
    out += "\n" + roff(flag.help) + "\n";
  }
  return out;
}

std::string command_lines(const Command& command) {
  std::string out = ".SS \"" + roff(command.name) + "\"\n\\fBvortex " + roff(command.name) + "\\fR";
  if (!command.flags.empty()) out += " [options]";
  if (!command.arguments.empty()) out += " \\fI" + roff(command.arguments) + "\\fR";
  out += "\n.PP\n" + roff(command.summary) + "\n";
  if (!command.details.empty()) out += ".PP\n.nf\n" + roff(command.details) + "\n.fi\n";
  return out + flag_lines(command.flags);
}

// Each status of the table of errors, with the names of the errors that have it.
std::string exit_lines() {
  std::map<int, std::string> names;
#define X(name, number, exit_status, retry, text) \
  names[exit_status] += (names[exit_status].empty() ? "" : ", ") + std::string(#name);
  VORTEX_ERRORS(X)
#undef X
  std::string out = ".TP\n\\fB0\\fR\ndone\n";
  for (const auto& [status, errors] : names)
    out += ".TP\n\\fB" + std::to_string(status) + "\\fR\n" + roff(errors) + "\n";
  return out;
}

}  // namespace

std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string man_page(const std::vector<Command>& commands) {
  std::string out =
      ".TH VORTEX 1 \"\" \"VortexNetFS " + version().version +
      "\"\n"
      ".SH NAME\nvortex \\- store, fetch and look after files in a VortexNetFS cluster\n"
      ".SH SYNOPSIS\n\\fBvortex\\fR [options] \\fICOMMAND\\fR …\n"
      ".SH DESCRIPTION\n"
      "VortexNetFS is a file system made of identical nodes and nothing else. \\fBvortex\\fR talks to any of "
      "them. Paths in the cluster begin with a slash.\n"
      ".SH OPTIONS\nThey may stand before the command or behind it.\n" +
      flag_lines(global_flags()) + ".SH COMMANDS\n";
  std::vector<std::string> groups;
  for (const Command& command : commands)
    if (std::find(groups.begin(), groups.end(), command.group) == groups.end()) groups.push_back(command.group);
  for (const std::string& group : groups)
    for (const Command& command : commands)
      if (command.group == group) out += command_lines(command);
  out += ".SH EXIT STATUS\n" + exit_lines();
  out +=
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBVORTEX_CONNECT\\fR\nnodes to ask, as \\-\\-connect names them\n"
      ".TP\n\\fBVORTEX_KEY\\fR\nthe access key, or a file that holds it\n"
      ".TP\n\\fBVORTEX_CONFIG\\fR\na client.json, as \\-\\-config names it\n"
      ".SH FILES\n.TP\n\\fI~/.config/vortex/client.json\\fR\n"
      "one JSON object with \"connect\", \"key\" and \"transport\"\n"
      ".SH SEE ALSO\n\\fBvortex\\-node\\fR(8)\n";
  return out;
}

}  // namespace vortex::cli
