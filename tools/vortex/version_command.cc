#include "tools/cli/version.h"

#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/vortex/commands.h"

namespace vortex {

cli::Command version_command() {
  cli::Command command;
  command.name = "version";
  command.group = "about";
  command.summary = "the version of this program and how it was built";
  command.run = [](const cli::Invocation&, cli::Output& out) -> Status {
    cli::Version built = cli::version();
    out.text(cli::version_line("vortex") + "\n");
    out.put("version", built.version);
    out.put("build_type", built.build_type);
    out.put("compiler", built.compiler);
    return {};
  };
  return command;
}

}  // namespace vortex
