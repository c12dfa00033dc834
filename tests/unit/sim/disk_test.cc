#include "tests/sim/world.h"
#include "tests/unit/test.h"

using namespace vortex;
using namespace vortex::sim;

namespace {
Task<Status> write_text(File& file, std::uint64_t offset, std::string text) {
  ByteView piece = as_bytes(text);
  std::span<const ByteView> pieces(&piece, 1);
  co_return co_await file.write_at(offset, pieces);
}

Task<Status> write_file(Env& env, std::string path, std::string text, bool sync) {
  OpenOptions options;
  options.create = true;
  CO_ASSIGN_OR_RETURN(auto file, co_await env.disk().open(path, options));
  CO_RETURN_IF_ERROR(co_await write_text(*file, 0, text));
  if (sync) CO_RETURN_IF_ERROR(co_await file->sync());
  co_return Status();
}
}  // namespace

TEST_CASE("what is written can be read") {
  World world(1);
  Machine& machine = world.add_machine();
  auto body = [](Env& env) -> Task<Result<std::string>> {
    CO_RETURN_IF_ERROR(co_await write_file(env, "a", "hello", true));
    CO_ASSIGN_OR_RETURN(auto bytes, co_await read_file(env.disk(), "a", 100));
    co_return std::string(as_text(bytes));
  };
  auto text = world.run(machine, body);
  REQUIRE(text.ok());
  EXPECT_EQ(*text, "hello");
}
