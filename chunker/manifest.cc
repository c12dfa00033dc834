#include "chunker/manifest.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::chunker {
namespace {

constexpr std::uint32_t kNodeMagic = 0x314D5856;  // "VXM1"
constexpr std::uint8_t kNodeVersion = 1;
constexpr std::string_view kProofLabel = "vortex manifest 1";
// 64 bits of length, 40 of extents.
constexpr std::size_t kLengthAt = 32, kLengthWidth = 8, kExtentsAt = 40, kExtentsWidth = 5;
static_assert(kExtentsAt + kExtentsWidth == kRecordSize);
static_assert(kExtentsMax >> 8 * kExtentsWidth == 0);

struct NodeHeader {
  std::uint32_t magic = kNodeMagic;
  std::uint8_t version = kNodeVersion;
  std::uint8_t level = 0;
  std::uint16_t count = 0;
  std::uint64_t length = 0;
  VORTEX_FIELDS(magic, version, level, count, length)
};

Error damaged(std::string_view why) { return Error(Code::damaged, "manifest: " + std::string(why)); }

// Of everything that is content: not of the seal, which may change without it.
Id hash_of(const Manifest& manifest) {
  ByteVector bytes;
  Encoder encoder(bytes);
  encoder(manifest.version, manifest.level, manifest.size, manifest.records);
  return sha256(bytes);
}

Etag etag_from(const Id& hash) {
  Etag etag;
  std::copy_n(hash.bytes.begin(), etag.size(), etag.begin());
  return etag;
}

std::array<std::uint8_t, 32> proof_of(const Manifest& manifest, const SecretKey& file_key) {
  return hmac_sha256(file_key.derive(kProofLabel, ByteView()).bytes(), hash_of(manifest).bytes).bytes;
}

}  // namespace

Status validate(const Manifest& manifest) {
  if (manifest.version != Manifest::kVersion)
    return Error(Code::unsupported_version, "manifest in form " + std::to_string(manifest.version));
  if (manifest.level > kManifestLevelMax) return damaged("too many levels");
  if (manifest.records.size() > kRootRecordsMax) return damaged("too many records in its root");
  if (manifest.level > 0 && manifest.records.empty()) return damaged("levels over nothing");
  ASSIGN_OR_RETURN(RecordTotals total, add_up(manifest.level, manifest.records));
  if (total.length != manifest.size) return damaged("the extents do not add up to the size");
  if (manifest.etag != etag_from(hash_of(manifest))) return damaged("it does not fit its ETag");
  return {};
}

void Manifest::settle() { etag = etag_from(hash_of(*this)); }

Etag etag_of_inline(ByteView content) { return etag_from(sha256(content)); }

void seal_manifest(Manifest& manifest, const SecretKey& file_key, const WrappedKey& wrapped) {
  manifest.seal.emplace(ManifestSeal{wrapped, proof_of(manifest, file_key)});
}

Result<SecretKey> open_seal(const Manifest& manifest, const UserKey& user_key) {
  if (!manifest.seal) return damaged("a key was given and there is no seal");
  ASSIGN_OR_RETURN(SecretKey file_key, unwrap(manifest.seal->key, user_key));
  if (!equal_constant_time(proof_of(manifest, file_key), manifest.seal->proof))
    return damaged("it was changed by somebody without the file's key");
  return file_key;
}

Status rotate_seal(Manifest& manifest, const UserKey& from, const UserKey& to, Random& random) {
  ASSIGN_OR_RETURN(SecretKey file_key, open_seal(manifest, from));
  manifest.seal->key = wrap(file_key, to, random);
  return {};
}

Record encode_reference(const NodeReference& reference) {
  Record record{};
  std::copy(reference.node.bytes.begin(), reference.node.bytes.end(), record.begin());
  put_record_number(record, kLengthAt, kLengthWidth, reference.length);
  put_record_number(record, kExtentsAt, kExtentsWidth, reference.extents);
  CHECK(decode_reference(record).ok());
  return record;
}

Result<NodeReference> decode_reference(const Record& record) {
  NodeReference reference;
  std::copy_n(record.begin(), Id::kSize, reference.node.bytes.begin());
  reference.length = record_length(1, record);
  reference.extents = record_extents(1, record);
  if (reference.node.is_zero()) return damaged("a reference to nothing");
  if (reference.length == 0 || reference.length > kFileSizeMax) return damaged("a reference of impossible length");
  if (reference.extents == 0 || reference.extents > reference.length) return damaged("impossible number of extents");
  return reference;
}

std::uint64_t record_length(std::uint8_t level, const Record& record) {
  if (level > 0) return record_number(record, kLengthAt, kLengthWidth);
  auto extent = decode_extent(record);
  return extent->length;
}

std::uint64_t record_extents(std::uint8_t level, const Record& record) {
  return level == 0 ? 1 : record_number(record, kExtentsAt, kExtentsWidth);
}

Result<RecordTotals> add_up(std::uint8_t level, const std::vector<Record>& records) {
  RecordTotals total;
  for (const Record& record : records) {
    if (level == 0) RETURN_IF_ERROR(decode_extent(record));
    if (level > 0) RETURN_IF_ERROR(decode_reference(record));
    total.length += record_length(level, record);
    total.extents += record_extents(level, record);
    if (total.length > kFileSizeMax || total.extents > kExtentsMax) return damaged("too long");
  }
  return total;
}

ManifestNode encode_node(std::uint8_t level, const std::vector<Record>& records) {
  CHECK(!records.empty() && records.size() <= kNodeRecordsMax && level < kManifestLevelMax);
  NodeHeader header;
  header.level = level;
  header.count = static_cast<std::uint16_t>(records.size());
  for (const Record& record : records) header.length += record_length(level, record);
  ManifestNode node;
  node.bytes.reserve(kNodeHeaderSize + records.size() * kRecordSize);
  Encoder encoder(node.bytes);
  encoder.put(header);
  for (const Record& record : records) encoder.put_raw(record);
  node.level = level;
  node.id = sha256(node.bytes);
  return node;
}

Result<std::vector<Record>> decode_node(ByteView bytes, std::uint8_t level) {
  if (bytes.size() < kNodeHeaderSize) return damaged("a node of impossible size");
  auto header = decode<NodeHeader>(bytes.first(kNodeHeaderSize));
  if (!header.ok() || header->magic != kNodeMagic) return damaged("a node with wrong magic");
  if (header->version != kNodeVersion)
    return Error(Code::unsupported_version, "manifest node in form " + std::to_string(header->version));
  if (bytes.size() > kNodeSizeMax) return damaged("a node of impossible size");
  if (header->level != level) return damaged("a node of another level");
  if (header->count == 0 || bytes.size() != kNodeHeaderSize + header->count * kRecordSize)
    return damaged("a node of impossible size");
  std::vector<Record> records(header->count);
  std::memcpy(records.data(), bytes.data() + kNodeHeaderSize, header->count * kRecordSize);
  ASSIGN_OR_RETURN(RecordTotals total, add_up(level, records));
  if (total.length != header->length) return damaged("a node whose extents do not add up");
  return records;
}

Result<std::vector<Record>> decode_node(ByteView bytes, std::uint8_t level, const NodeReference& reference,
                                        std::uint64_t offset, bool last) {
  if (sha256(bytes) != reference.node) return damaged("a node does not have the content it is named by");
  ASSIGN_OR_RETURN(std::vector<Record> records, decode_node(bytes, level));
  ASSIGN_OR_RETURN(RecordTotals total, add_up(level, records));
  if (total.length != reference.length) return damaged("a node of another length");
  if (total.extents != reference.extents) return damaged("a node with another number of extents");
  for (std::size_t count = 1; count <= records.size(); ++count) {
    const Record& record = records[count - 1];
    const bool ends = ends_node(count, record, offset);
    if (ends && count < records.size()) return damaged("a node goes on where nodes end");
    if (!ends && count == records.size() && !last) return damaged("a node ends where nodes go on");
    offset += record_length(level, record);
  }
  return records;
}

bool ends_node(std::size_t count, const Record& last, std::uint64_t offset) {
  if (count < kNodeRecordsMin) return false;
  return count >= kNodeRecordsMax || (xxh3(last, offset) & kNodeEndMask) == 0;
}

}  // namespace vortex::chunker
