#include "tools/vortex-node/program.h"

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  return vortex::run_node_program(arguments, std::cout, std::cerr);
}
