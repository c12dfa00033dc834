// Under which keys the records of the file system are kept. README has the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dht/records.h"
#include "node/files/inode.h"

namespace vortex::node {

// The first byte of a record's name within its place.
enum class RecordKind : std::uint8_t {
  header = 0x01,     // of a directory; an inode with several names; a chunk
  part = 0x02,       // entries may be made in this part of the directory
  fork = 0x03,       // this part was split
  pulse = 0x04,      // the last change of the part
  entry = 0x10,      // + name
  operation = 0x20,  // + operation id
  upload = 0x30,     // + upload id
  release = 0x38,    // + release id
  content = 0x40,    // + inode id
  reference = 0x50,  // + upload id, in the place of a chunk
};

// Places.
Id place_of(const Id& directory, Part part);
Id moves_place();
// The bits by which names are spread over parts.
std::uint32_t hash_of(std::string_view name);

// A record of which the place has one, or many by a name behind the kind.
dht::Key key_of(const Id& place, RecordKind kind);
dht::Key key_of(const Id& place, RecordKind kind, ByteView name);
inline dht::Key entry_key(const Id& place, std::string_view name) {
  return key_of(place, RecordKind::entry, as_bytes(name));
}
// All of a kind: names in [kind, kind + 1).
ByteVector begin_of(RecordKind kind);
ByteVector end_of(RecordKind kind);
// The name behind the kind; nothing when the key is of another kind.
std::optional<ByteView> name_in(const dht::Key& key, RecordKind kind);

}  // namespace vortex::node
