// A file's list of extents. The root stands in the inode; what does not fit there overflows into manifest chunks, a
// tree whose shape depends on the list alone, so that equal files have equal manifests however they came about, and an
// edit replaces only the nodes on its path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/result.h"
#include "chunker/extent.h"
#include "chunker/keys.h"

namespace vortex::chunker {

// The root lists at most this many records itself; longer lists have a level more.
inline constexpr std::size_t kRootRecordsMax = 64;
// A node ends behind a record whose XXH3, seeded with its place in the file, has 5 zero bits at its end, one in 32, but
// not before the minimum.
inline constexpr std::size_t kNodeRecordsMin = 16, kNodeRecordsMax = 128;
inline constexpr std::uint64_t kNodeEndMask = 31;
inline constexpr std::uint8_t kManifestLevelMax = 12;
// Extents of one file. Enough for 2^52 bytes in chunks of the smallest size.
inline constexpr std::uint64_t kExtentsMax = (std::uint64_t(1) << 40) - 1;
inline constexpr std::size_t kNodeHeaderSize = 16;
inline constexpr std::size_t kNodeSizeMax = kNodeHeaderSize + kNodeRecordsMax * kRecordSize;
static_assert(kRootRecordsMax * kRecordSize <= 4 * kKiB, "an inode stays small");
static_assert(kNodeSizeMax <= kChunkSizeMax);

// For a file whose chunks are sealed: its key, and the proof that who wrote the manifest held it, so that nobody can
// leave chunks out, put in others or move the file's end unseen.
struct ManifestSeal {
  WrappedKey key;
  std::array<std::uint8_t, 32> proof{};
  bool operator==(const ManifestSeal&) const = default;
  VORTEX_FIELDS(key, proof)
};

// Two files with the same extents have the same, whatever their seals.
using Etag = std::array<std::uint8_t, 16>;

struct Manifest {
  static constexpr std::uint8_t kVersion = 1;
  std::uint8_t version = kVersion;
  std::uint8_t level = 0;  // 0: the records are extents; n: they refer to nodes of level n - 1
  std::uint64_t size = 0;  // of the file: the sum of the records' lengths
  std::vector<Record> records;
  Etag etag{};  // follows from the fields above
  std::optional<ManifestSeal> seal;

  Manifest() { settle(); }
  // To be called after changing a field above `etag`.
  void settle();

  bool operator==(const Manifest&) const = default;
  VORTEX_FIELDS(version, level, size, records, etag, seal)
};

// What decoding alone does not find: `damaged` or `unsupported_version`. For whoever takes a Manifest in.
Status validate(const Manifest& manifest);

// For content that is stored without chunks.
Etag etag_of_inline(ByteView content);

// Makes `seal` anew; to be done after every change of a sealed file's manifest.
void seal_manifest(Manifest& manifest, const SecretKey& file_key, const WrappedKey& wrapped);
// The file's key, when the user's key opens it (else `permission_denied`) and the proof fits (else `damaged`). For
// files that are known to be sealed: a seal that is gone is `damaged`, too, for whoever takes it away could put in
// anything.
Result<SecretKey> open_seal(const Manifest& manifest, const UserKey& user_key);
// Key rotation: only the seal changes; the proof, the ETag and every chunk stay.
Status rotate_seal(Manifest& manifest, const UserKey& from, const UserKey& to, Random& random);

// A record of level 1 and up.
struct NodeReference {
  ChunkId node;               // SHA-256 of the node's bytes
  std::uint64_t length = 0;   // bytes of the file below it
  std::uint64_t extents = 0;  // below it
  bool operator==(const NodeReference&) const = default;
};
Record encode_reference(const NodeReference& reference);
Result<NodeReference> decode_reference(const Record& record);

// What valid records stand for.
std::uint64_t record_length(std::uint8_t level, const Record& record);
std::uint64_t record_extents(std::uint8_t level, const Record& record);
struct RecordTotals {
  std::uint64_t length = 0, extents = 0;
};
// Checks every record and that both sums are within kFileSizeMax and kExtentsMax.
Result<RecordTotals> add_up(std::uint8_t level, const std::vector<Record>& records);

// A manifest chunk: its plain content is stored like that of any other chunk, always whole copies, raw.
struct ManifestNode {
  ChunkId id;
  std::uint8_t level = 0;
  ByteVector bytes;
};
ManifestNode encode_node(std::uint8_t level, const std::vector<Record>& records);
// The records, when these are the bytes of a node of that level, whoever refers to it.
Result<std::vector<Record>> decode_node(ByteView bytes, std::uint8_t level);
// The same for a node that is referred to and stands for the file's bytes from `offset` on: id, length and number of
// extents must be what the reference says, and it must end where nodes end; only the last one of its level may end
// before.
Result<std::vector<Record>> decode_node(ByteView bytes, std::uint8_t level, const NodeReference& reference,
                                        std::uint64_t offset, bool last);

// Does a node of `count` records end behind its last one, which begins at `offset` of the file? Equal records at
// different places give different answers, so that the nodes of a long run of them do not hang together by their
// counts.
bool ends_node(std::size_t count, const Record& last, std::uint64_t offset);

}  // namespace vortex::chunker
