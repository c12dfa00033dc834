#include <nlohmann/json.hpp>
#include <string>

#include "tools/cli/output.h"
#include "tools/vortex/commands.h"

namespace vortex {

cli::Command version_command() {
  cli::Command command;
  command.name = "version";
  command.group = "about";
  command.summary = "the version of this program and how it was built";
  command.run = [](const cli::Invocation&, cli::Output& out) -> Status {
    std::string compiler = "g++ " __VERSION__;
    out.text("vortex " VORTEX_VERSION " (" VORTEX_BUILD_TYPE ", " + compiler + ")\n");
    out.put("version", VORTEX_VERSION);
    out.put("build_type", VORTEX_BUILD_TYPE);
    out.put("compiler", compiler);
    return {};
  };
  return command;
}

}  // namespace vortex
