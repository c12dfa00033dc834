#include <nlohmann/json.hpp>
#include <sstream>

#include "base/hash.h"
#include "tests/unit/base/real_world.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/support.h"
#include "tools/cli/real_world.h"
#include "tools/vortex/commands.h"
#include "wal/value_store/store.h"

using namespace vortex;

namespace {

constexpr std::size_t kChunks = 5;
constexpr std::size_t kChunkBytes = 100'000;

Task<Status> write_store(Env& env, std::string directory) {
  CO_ASSIGN_OR_RETURN(auto store, co_await wal::values::ValueStore::open(env, std::move(directory)));
  for (std::size_t i = 0; i < kChunks; ++i) {
    ByteVector bytes(kChunkBytes, static_cast<std::uint8_t>(i));
    Id id = sha256(bytes);
    CO_RETURN_IF_ERROR(co_await store->put(id, Buffer::copy_of(bytes)));
  }
  CO_RETURN_IF_ERROR(co_await store->sync());
  co_return co_await store->stop();
}

// The largest file below the folder: the segment with the chunks.
std::string largest_file(const std::string& directory) {
  std::string largest;
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file() || entry.file_size() < size) continue;
    size = entry.file_size();
    largest = entry.path();
  }
  return largest;
}

}  // namespace

TEST_CASE("a sound chunk store is summed up, a damaged one named with status 7, a missing one not found") {
  TestDirectory directory;
  std::string place = directory / "chunks";
  REQUIRE(cli::run_in_real_world([&](Env& env) { return write_store(env, place); }).ok());

  Ran sound = run_json(chunks_inspect_command(), {"chunks", "inspect", "--chunks", place});
  EXPECT_EQ(sound.status, 0);
  EXPECT_EQ(sound.json.at("chunks_total"), kChunks);
  REQUIRE_EQ(sound.json.at("chunks").size(), kChunks);
  EXPECT_EQ(sound.json.at("damages").size(), 0);

  const nlohmann::json& chunk = sound.json.at("chunks")[0];
  flip_byte(largest_file(place), chunk.at("offset").get<std::uint64_t>() + kChunkBytes / 2);
  Ran damaged = run_json(chunks_inspect_command(), {"chunks", "inspect", place});
  EXPECT_EQ(damaged.status, 7);
  EXPECT_EQ(damaged.json.at("error").at("code"), "damaged");
  REQUIRE_EQ(damaged.json.at("damages").size(), 1);
  EXPECT_EQ(damaged.json.at("damages")[0].at("chunk"), chunk.at("chunk"));

  EXPECT_EQ(run_json(chunks_inspect_command(), {"chunks", "inspect", directory / "nowhere"}).status, 3);
}
