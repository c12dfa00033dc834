// What was built, and how.
#pragma once

#include <string>

namespace vortex::cli {

struct Version {
  std::string version;     // "0.1.0"
  std::string build_type;  // "Release"
  std::string compiler;    // "g++ 12.2.0"
};
Version version();
// "vortex-node 0.1.0 (Release, g++ 12.2.0)"
std::string version_line(const std::string& program);

}  // namespace vortex::cli
