// What a name stands for: the records of entries, inodes, directories and their parts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chunker/manifest.h"
#include "node/files/policy.h"
#include "node/files/record.h"

namespace vortex::node {

enum class FileType : std::uint8_t { regular = 0, directory = 1, symlink = 2 };
constexpr FileType max_enum_value(FileType) { return FileType::symlink; }

// Nanoseconds since 1970.
using FileTime = std::int64_t;

struct Xattr {
  std::string name;
  ByteVector value;
  bool operator==(const Xattr&) const = default;
  VORTEX_FIELDS(name, value)
};

inline constexpr std::size_t kXattrsBytesMax = 32 * kKiB;
inline constexpr std::uint32_t kModeMask = 07777;
inline constexpr std::uint32_t kLinksMax = 65'000;

struct Attributes {
  std::uint32_t mode = 0644;  // permission bits: kept for mounts, which enforce them
  std::uint32_t uid = 0, gid = 0;
  FileTime accessed = 0, modified = 0, changed = 0, born = 0;
  std::vector<Xattr> xattrs;  // sorted by name
  bool operator==(const Attributes&) const = default;
  VORTEX_FIELDS(mode, uid, gid, accessed, modified, changed, born, xattrs)
};

// An inode gives up at most this many uploads; then all its chunks are referenced anew under one.
inline constexpr std::size_t kUploadsMax = 64;

struct Inode {
  static constexpr std::uint8_t kFormat = 1;
  Id id;  // made at random, never used again
  FileType type = FileType::regular;
  std::uint64_t version = 0;  // what people see: grows with every change, and differs between inodes
  std::uint32_t links = 1;
  Attributes attributes;
  std::uint64_t size = 0;
  chunker::Etag etag{};
  std::string target;                         // of a symbolic link
  std::optional<chunker::Manifest> manifest;  // nothing: the content, if there is any, is a record beside this one
  std::vector<Id> uploads;                    // by which the manifest's chunks are referenced, each at least by one
  std::optional<FilePolicy> policy;           // of a directory: what is made in it takes it on

  bool small() const { return type == FileType::regular && !manifest; }
  VORTEX_FIELDS(id, type, version, links, attributes, size, etag, target, manifest, uploads, policy)
};

enum class EntryKind : std::uint8_t {
  inode = 0,      // the file has this one name, and its inode is here
  linked = 1,     // a file with, at some time, several names: its inode is a record of its own
  directory = 2,  // its header is a record of its own
};
constexpr EntryKind max_enum_value(EntryKind) { return EntryKind::directory; }

// (directory, name) → this.
struct Entry {
  static constexpr std::uint8_t kFormat = 1;
  EntryKind kind = EntryKind::inode;
  Id id;
  FileType type = FileType::regular;
  std::optional<Inode> inode;
  VORTEX_FIELDS(kind, id, type, inode)
};
// An entry with its inode, or one that refers to it.
Entry entry_with(Inode inode);
Entry entry_of(EntryKind kind, const Id& id, FileType type);
// The record, if its parts fit together.
Result<Entry> decode_entry(ByteView bytes);

// A directory that is there. Its id is the inode's.
struct DirectoryHeader {
  static constexpr std::uint8_t kFormat = 1;
  Id id;
  Id parent;                  // the root's is the root
  std::uint64_t version = 0;  // of its attributes
  Attributes attributes;
  std::optional<FilePolicy> policy;
  VORTEX_FIELDS(id, parent, version, attributes, policy)
};

// Where a part of a directory's entries is: entries whose hash begins with these bits.
struct Part {
  std::uint8_t depth = 0;  // 0: all of them
  std::uint32_t prefix = 0;
  auto operator<=>(const Part&) const = default;
  VORTEX_FIELDS(depth, prefix)

  Part child(std::uint32_t hash) const {
    Part part;
    part.depth = static_cast<std::uint8_t>(depth + 1);
    part.prefix = hash >> (32 - part.depth);
    return part;
  }
  Part child_of(int side) const {
    Part part;
    part.depth = static_cast<std::uint8_t>(depth + 1);
    part.prefix = prefix << 1 | static_cast<std::uint32_t>(side);
    return part;
  }
  Part parent() const {
    Part part;
    part.depth = static_cast<std::uint8_t>(depth - 1);
    part.prefix = prefix >> 1;
    return part;
  }
};
inline constexpr std::uint8_t kPartDepthMax = 16;

// There while entries may be made in this part.
struct PartHeader {
  static constexpr std::uint8_t kFormat = 1;
  Id directory;
  Part part;
  VORTEX_FIELDS(directory, part)
};
// There instead of a header when the part was split in two.
struct PartFork {
  static constexpr std::uint8_t kFormat = 1;
  Id directory;
  Part part;
  bool moving = false;  // entries may still be here
  VORTEX_FIELDS(directory, part, moving)
};

// The last change of the entries of a part.
struct Pulse {
  static constexpr std::uint8_t kFormat = 1;
  FileTime at = 0;
  VORTEX_FIELDS(at)
};

// The content of a small file, beside its inode.
struct SmallContent {
  static constexpr std::uint8_t kFormat = 1;
  chunker::Etag etag{};
  ByteVector bytes;
  VORTEX_FIELDS(etag, bytes)
};

// An operation that was executed, so that it is not executed again.
using OperationId = std::array<std::uint8_t, 16>;
struct OperationRecord {
  static constexpr std::uint8_t kFormat = 1;
  FileTime at = 0;
  Id id;  // of what it made or changed, and its version
  std::uint64_t version = 0;
  VORTEX_FIELDS(at, id, version)
};

// Moving a directory to another parent replaces it.
struct MoveLock {
  static constexpr std::uint8_t kFormat = 1;
  FileTime at = 0;
  Id directory;
  VORTEX_FIELDS(at, directory)
};

// The same in every cluster.
extern const Id kRootDirectory;

}  // namespace vortex::node
