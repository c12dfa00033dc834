// Streams: standard input into a file of any size, or a file to standard output.
#include <vortex/vortex.h>

#include <unistd.h>

#include <cerrno>
#include <iostream>

namespace {

int fail(const vortex::Error& error) {
  std::cerr << "pipe: " << error.message << "\n";
  return 1;
}

int put(vortex::Client& client, const std::string& path) {
  auto writer = client.open_writer(path, {.if_absent = true});
  if (!writer) return fail(writer.error());
  vortex::Bytes room(1 << 20);
  while (true) {
    ssize_t got = ::read(STDIN_FILENO, room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return 1;  // without a commit nothing was stored
    if (got == 0) break;
    if (auto written = writer->write(std::span(room).first(static_cast<std::size_t>(got))); !written)
      return fail(written.error());
  }
  auto version = writer->commit();  // until here, nobody sees any of it
  return version ? 0 : fail(version.error());
}

int get(vortex::Client& client, const std::string& path) {
  auto reader = client.open_reader(path);
  if (!reader) return fail(reader.error());
  vortex::Bytes room(1 << 20);
  while (true) {
    auto got = reader->read(room);
    if (!got) return fail(got.error());
    if (*got == 0) return 0;
    for (std::span<const std::byte> rest = std::span(room).first(*got); !rest.empty();) {
      ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (written < 0) return 1;
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc == 5 ? argv[3] : "";
  if (what != "put" && what != "get") {
    std::cerr << "usage: pipe HOST:PORT KEY_FILE put|get PATH\n";
    return 2;
  }
  auto client = vortex::Client::connect({.addresses = {argv[1]}, .key_file = argv[2]});
  if (!client) return fail(client.error());
  return what == "put" ? put(*client, argv[4]) : get(*client, argv[4]);
}
