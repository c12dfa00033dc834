// Bytes from anywhere as the files that a node keeps of itself.
#include "base/check.h"
#include "base/hash.h"
#include "dht/joining/node_state.h"
#include "dht/members/directory.h"

using namespace vortex;
using namespace vortex::dht;

namespace {

void try_files(ByteView file) {
  if (auto state = decode_state(file); state.ok()) CHECK(decode_state(encode_state(*state)).ok());
  auto members = decode_contacts(file);
  if (!members.ok()) return;
  CHECK(equal(encode_contacts(*members), file));
  Directory directory;
  for (const Member& member : *members) (void)directory.merge(member);
  CHECK(directory.size() <= members->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView input(data, size);
  try_files(input);
  // With a sum that fits, so that what is behind it is reached.
  ByteVector sealed = to_vector(input);
  std::uint64_t sum = xxh3(sealed);
  Encoder encoder(sealed);
  encoder.put(sum);
  try_files(sealed);
  return 0;
}
