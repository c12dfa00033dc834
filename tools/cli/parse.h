// From the words on the command line to a command and what it was asked.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tools/cli/command.h"

namespace vortex::cli {

// A mistake of the user's, and what he may have meant.
struct Mistake {
  Error error;
  std::string hint;
};

struct Parsed {
  const Command* command = nullptr;  // none: nothing was named, or `mistake` says why there is none
  bool help = false;
  bool json = false;
  Invocation invocation;
  std::vector<Mistake> mistake;  // none or one
};

Parsed parse(const std::vector<Command>& commands, const std::vector<std::string>& words);

// Names that are so near to `typed` that it may have been one of them, the nearest first.
std::vector<std::string> similar(const std::string& typed, const std::vector<std::string>& names);

}  // namespace vortex::cli
