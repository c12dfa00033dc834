#include "tools/cli/completion.h"

#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/vortex/commands.h"

namespace vortex {

cli::Command completion_command() {
  cli::Command command;
  command.name = "completion";
  command.group = "about";
  command.arguments = "bash|zsh";
  command.arguments_min = command.arguments_max = 1;
  command.summary = "a script that makes the shell complete commands, options and paths";
  command.details =
      "For this shell: source <(vortex completion bash). Packages install it for all.\n"
      "zsh takes it as a file _vortex in a folder of its fpath.";
  command.run = [](const cli::Invocation& invocation, cli::Output& out) -> Status {
    const std::string& shell = invocation.arguments[0];
    if (shell != "bash" && shell != "zsh") {
      out.hint("say bash or zsh");
      return Error(Code::invalid_argument, "there is no completion for '" + shell + "'");
    }
    std::string script = shell == "bash" ? cli::bash_completion(commands()) : cli::zsh_completion(commands());
    out.text(script);
    out.put("script", script);
    return {};
  };
  return command;
}

}  // namespace vortex
