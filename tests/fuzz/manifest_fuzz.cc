// Bytes from anywhere as a manifest, as one of its nodes, as a wrapped key and as a policy.
#include "base/check.h"
#include "base/task_group.h"
#include "chunker/manifest.h"
#include "chunker/manifest_edit.h"
#include "chunker/manifest_reader.h"
#include "chunker/policy.h"

using namespace vortex;
using namespace vortex::chunker;

namespace {

class NoNodes final : public NodeSource {
 public:
  Task<Result<ByteVector>> load(ChunkId) override { co_return Code::not_found; }
};

// Looking something up and cutting out the middle, with no node at hand.
Task<void> use(Manifest manifest) {
  NoNodes none;
  std::uint64_t size = manifest.size;
  ManifestReader reader(none, manifest);
  auto found = co_await reader.find(size / 2, 1000, 10);
  if (found.ok()) CHECK(found->covered_to <= size);
  std::vector<Extent> replacement;
  auto edit = co_await splice(none, std::move(manifest), size / 3, size / 2, std::move(replacement));
  if (edit.ok()) CHECK(validate(edit->manifest).ok());
}

void try_manifest(Manifest manifest) {
  if (!validate(manifest).ok()) return;
  asio::io_context context;
  Loop loop(context);
  TaskGroup group(loop);
  group.spawn(use(std::move(manifest)));
  context.poll();
  CHECK(group.size() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  if (auto manifest = decode<Manifest>(input); manifest.ok()) {
    CHECK(encode(*manifest) == to_vector(input));
    try_manifest(*manifest);
    // With what the sums would keep out.
    manifest->settle();
    try_manifest(std::move(*manifest));
  }
  for (std::uint8_t level = 0; level < 3; ++level) {
    if (auto records = decode_node(input, level); records.ok()) CHECK(equal(encode_node(level, *records).bytes, input));
  }
  if (auto wrapped = decode<WrappedKey>(input); wrapped.ok()) {
    std::array<std::uint8_t, 32> bytes{};
    auto user = UserKey::from_key_file(bytes);
    CHECK(!unwrap(*wrapped, *user).ok());
  }
  if (auto policy = decode<Policy>(input); policy.ok()) (void)validate(*policy).ok();
  return 0;
}
