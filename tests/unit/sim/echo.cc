#include "tests/unit/sim/echo.h"

#include <vector>

#include "base/task_group.h"

namespace vortex::sim {

Task<Status> write_all(Connection& connection, std::string text) {
  ByteView piece = as_bytes(text);
  std::span<const ByteView> pieces(&piece, 1);
  co_return co_await connection.write(pieces);
}

Task<Result<std::string>> read_exactly(Connection& connection, std::size_t size) {
  ByteVector bytes(size);
  std::size_t done = 0;
  while (done < size) {
    MutableBytes rest(bytes.data() + done, size - done);
    CO_ASSIGN_OR_RETURN(std::size_t count, co_await connection.read_some(rest));
    done += count;
  }
  co_return std::string(as_text(bytes));
}

namespace {
Task<void> echo(std::unique_ptr<Connection> connection) {
  ByteVector buffer(64 * 1024);
  while (true) {
    auto size = co_await connection->read_some(buffer);
    if (!size.ok()) co_return;
    ByteView piece(buffer.data(), *size);
    std::span<const ByteView> pieces(&piece, 1);
    Status written = co_await connection->write(pieces);
    if (!written.ok()) co_return;
  }
}
}  // namespace

Task<void> echo_server(Env& env) {
  Address at;
  at.port = kEchoPort;
  auto listener = env.network().listen(at);
  if (!listener.ok()) co_return;
  TaskGroup group(env.loop());
  while (true) {
    auto connection = co_await (*listener)->accept();
    if (!connection.ok()) break;
    group.spawn(echo(std::move(*connection)));
  }
  co_await group.stop();
}

Task<Result<std::string>> ask(Env& env, Address at, std::string text) {
  CO_ASSIGN_OR_RETURN(auto connection, co_await env.network().connect(at));
  CO_RETURN_IF_ERROR(co_await write_all(*connection, text));
  co_return co_await read_exactly(*connection, text.size());
}

}  // namespace vortex::sim
