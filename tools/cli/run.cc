#include <exception>
#include <nlohmann/json.hpp>
#include <ostream>

#include "tools/cli/command.h"
#include "tools/cli/help.h"
#include "tools/cli/output.h"
#include "tools/cli/parse.h"

namespace vortex::cli {

namespace {

// `vortex help [COMMAND]`, which is here because it is about all of them.
Command help_command(const std::vector<Command>& commands) {
  Command help;
  help.name = "help";
  help.group = "about";
  help.arguments = "[COMMAND]";
  help.arguments_max = Command::kAny;
  help.summary = "what a command does and how";
  help.run = [&commands](const Invocation& invocation, Output& out) -> Status {
    if (invocation.arguments.empty()) {
      out.text(help_text(commands));
      out.put("help", help_text(commands));
      return {};
    }
    Parsed topic = parse(commands, invocation.arguments);
    if (!topic.mistake.empty() && topic.command == nullptr) {
      out.hint(topic.mistake.front().hint);
      return topic.mistake.front().error;
    }
    out.text(help_text(*topic.command));
    out.put("help", help_text(*topic.command));
    return {};
  };
  return help;
}

Status run_command(const Command& command, const Invocation& invocation, Output& output) {
  try {
    return command.run(invocation, output);
  } catch (const std::exception& error) {
    return Error(Code::internal, error.what());
  }
}

}  // namespace

int run(const std::vector<Command>& commands, const std::vector<std::string>& words, std::ostream& out,
        std::ostream& err) {
  std::vector<Command> all = commands;
  all.push_back(help_command(all));
  Parsed parsed = parse(all, words);
  Output output(parsed.json, out, err);
  if (!parsed.mistake.empty()) {
    output.hint(parsed.mistake.front().hint);
    return output.finish(parsed.mistake.front().error);
  }
  if (parsed.command == nullptr && !parsed.help) {
    output.hint("'vortex help' lists the commands");
    return output.finish(Error(Code::invalid_argument, "no command was given"));
  }
  if (parsed.help) {
    std::string text = parsed.command != nullptr ? help_text(*parsed.command) : help_text(all);
    output.text(text);
    output.put("help", text);
    return output.finish({});
  }
  return output.finish(run_command(*parsed.command, parsed.invocation, output));
}

}  // namespace vortex::cli
