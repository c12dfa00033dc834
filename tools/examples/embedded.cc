// A node inside this process: it creates a cluster of its own, or joins one, and is a member like any other.
#include <vortex/vortex.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::cerr << "usage: embedded DATA_DIRECTORY HOST:PORT [TOKEN]\n";
    return 2;
  }
  vortex::NodeOptions options{.data = argv[1], .listen = argv[2]};
  if (argc == 4) {
    options.join = argv[3];
  } else {
    options.create = true;
  }
  auto node = vortex::Node::start(options);
  if (!node) {
    std::cerr << node.error().message << "\n";
    return 1;
  }
  std::cout << "node " << node->id() << " listens on " << node->address() << std::endl;
  if (options.create) {
    auto client = vortex::Client::connect({.addresses = {node->address()}, .key_file = options.data + "/root.key"});
    if (!client || !client->make_directory("/mine")) return 1;
    auto listing = client->list("/");
    if (!listing) return 1;
    for (const auto& entry : listing->entries) std::cout << entry.name << std::endl;
  }
  std::cin.get();  // until there is input, or its end
  return 0;        // the node stops as it goes
}
