// Stores a text, reads it back, and asks for a file that is not there. See README.md for how to build it.
#include <vortex/vortex.h>

#include <future>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: hello HOST:PORT KEY_FILE\n";
    return 2;
  }
  auto client = vortex::Client::connect({.addresses = {argv[1]}, .key_file = argv[2]});
  if (!client) {
    std::cerr << client.error().message << "\n";
    return 1;
  }

  auto stored = client->store("/hello.txt", "Hello, moon!");
  if (!stored) {
    std::cerr << "store: " << stored.error().message << "\n";
    return 1;
  }
  auto bytes = client->fetch("/hello.txt", {.offset = 7, .length = 4});
  if (!bytes) {
    std::cerr << "fetch: " << bytes.error().message << "\n";
    return 1;
  }
  std::cout << vortex::as_text(*bytes) << " of version " << stored->number << "\n";

  // The same without waiting: the answer comes on a thread of the library.
  std::promise<std::string> answer;
  client->stat_async("/no/such/file", true, [&](vortex::Result<vortex::FileInfo> info) {
    answer.set_value(info ? "it is there" : info.error().name);
  });
  std::cout << answer.get_future().get() << "\n";
  return 0;
}
