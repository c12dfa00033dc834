#include "tools/vortex-node/program.h"

#include <malloc.h>

#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  // With fast bins, each allocation of a kilobyte or more first merges all that lie in them, which costs a node that
  // moves small files a quarter of its time.
  ::mallopt(M_MXFAST, 0);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  return vortex::run_node_program(arguments, std::cout, std::cerr);
}
