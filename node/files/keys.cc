#include "node/files/keys.h"

#include "base/hash.h"

namespace vortex::node {

Id place_of(const Id& directory, Part part) {
  if (part.depth == 0) return directory;
  ByteVector text = to_vector(as_bytes("vortex directory part"));
  Encoder encoder(text);
  encoder(directory, part);
  return sha256(text);
}

Id moves_place() { return sha256(as_bytes("vortex directory moves")); }

std::uint32_t hash_of(std::string_view name) { return static_cast<std::uint32_t>(xxh3(as_bytes(name)) >> 32); }

dht::Key key_of(const Id& place, RecordKind kind) { return key_of(place, kind, ByteView()); }

dht::Key key_of(const Id& place, RecordKind kind, ByteView name) {
  dht::Key key;
  key.place = place;
  key.name.reserve(1 + name.size());
  key.name.push_back(static_cast<std::uint8_t>(kind));
  key.name.insert(key.name.end(), name.begin(), name.end());
  return key;
}

ByteVector begin_of(RecordKind kind) { return ByteVector(1, static_cast<std::uint8_t>(kind)); }
ByteVector end_of(RecordKind kind) { return ByteVector(1, static_cast<std::uint8_t>(static_cast<int>(kind) + 1)); }

std::optional<ByteView> name_in(const dht::Key& key, RecordKind kind) {
  if (key.name.empty() || key.name.front() != static_cast<std::uint8_t>(kind)) return std::nullopt;
  return ByteView(key.name).subspan(1);
}

}  // namespace vortex::node
