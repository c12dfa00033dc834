#include <iostream>
#include <string>
#include <vector>

#include "tools/vortex/commands.h"

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  return vortex::cli::run(vortex::commands(), words, std::cout, std::cerr);
}
