#include "tools/cli/version.h"

namespace vortex::cli {

Version version() { return {VORTEX_VERSION, VORTEX_BUILD_TYPE, "g++ " __VERSION__}; }

std::string version_line(const std::string& program) {
  Version built = version();
  return program + " " + built.version + " (" + built.build_type + ", " + built.compiler + ")";
}

}  // namespace vortex::cli
