#include "wal/value_store/format.h"

#include <charconv>
#include <cstdio>

#include "base/endian.h"
#include "base/hash.h"

namespace vortex::wal::values {

namespace {
constexpr std::uint64_t kStoreMagic = 0x45524F5453585600;    // "\0VXSTORE" read as bytes
constexpr std::uint64_t kSlotMagic = 0x48434F5045585600;     // "\0VXEPOCH"
constexpr std::uint64_t kSegmentMagic = 0x4D47455358560000;  // "\0\0VXSEGM"
constexpr std::uint32_t kRecordMagic = 0x43525856;           // "VXRC"

std::uint64_t tail_sum(ByteView block) { return xxh3(block.subspan(8)); }
void seal_block(MutableBytes block) { store_le(block.data(), tail_sum(block)); }
bool block_sealed(ByteView block) { return load_le<std::uint64_t>(block.data()) == tail_sum(block); }

Status check_version(std::uint32_t version) {
  if (version >= kStoreVersionOldest && version <= kStoreVersion) return {};
  return Error(Code::unsupported_version, "value store of version " + std::to_string(version) +
                                              "; this program reads " + std::to_string(kStoreVersionOldest) + " to " +
                                              std::to_string(kStoreVersion));
}

std::string numbered(const char* prefix, std::uint32_t number) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%010u", prefix, number);
  return text;
}
std::optional<std::uint32_t> parse_numbered(std::string_view name, std::string_view prefix) {
  if (name.size() != prefix.size() + 10 || name.substr(0, prefix.size()) != prefix) return std::nullopt;
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number == 0) return std::nullopt;
  return number;
}
}  // namespace

// --- store file ---

ByteVector encode_epoch_slot(std::uint64_t epoch, std::uint32_t next_segment) {
  ByteVector sector(kStoreSectorBytes);
  store_le(sector.data() + 8, kSlotMagic);
  store_le(sector.data() + 16, epoch);
  store_le(sector.data() + 24, next_segment);
  seal_block(sector);
  return sector;
}

ByteVector encode_store_file(const StoreFile& file) {
  ByteVector bytes(kStoreFileBytes);
  MutableBytes sector(bytes.data(), kStoreSectorBytes);
  store_le(sector.data() + 8, kStoreMagic);
  store_le(sector.data() + 16, file.version);
  std::memcpy(sector.data() + 24, file.store.data(), file.store.size());
  seal_block(sector);
  for (int slot = 0; slot < 2; ++slot) {
    ByteVector epoch = slot == file.slot ? encode_epoch_slot(file.epoch, file.next_segment) : encode_epoch_slot(0, 1);
    std::memcpy(bytes.data() + kStoreSectorBytes * static_cast<std::size_t>(1 + slot), epoch.data(), epoch.size());
  }
  return bytes;
}

Result<StoreFile> decode_store_file(ByteView bytes) {
  if (bytes.size() < kStoreFileBytes) return Error(Code::damaged, "store file cut short");
  ByteView sector = bytes.first(kStoreSectorBytes);
  if (load_le<std::uint64_t>(sector.data() + 8) != kStoreMagic || !block_sealed(sector))
    return Error(Code::damaged, "store file damaged");
  StoreFile file;
  file.version = load_le<std::uint32_t>(sector.data() + 16);
  RETURN_IF_ERROR(check_version(file.version));
  std::memcpy(file.store.data(), sector.data() + 24, file.store.size());
  for (int slot = 0; slot < 2; ++slot) {
    ByteView at = bytes.subspan(kStoreSectorBytes * static_cast<std::size_t>(1 + slot), kStoreSectorBytes);
    if (load_le<std::uint64_t>(at.data() + 8) != kSlotMagic || !block_sealed(at)) {
      file.slot_damaged = true;
    } else if (std::uint64_t epoch = load_le<std::uint64_t>(at.data() + 16); epoch >= file.epoch) {
      file.epoch = epoch;
      file.next_segment = load_le<std::uint32_t>(at.data() + 24);
      file.slot = slot;
    }
  }
  return file;
}

// --- segments ---

ByteVector encode_segment_header(const SegmentHeader& header) {
  ByteVector bytes(kSegmentHeaderBytes);
  store_le(bytes.data() + 8, kSegmentMagic);
  store_le(bytes.data() + 16, header.version);
  store_le(bytes.data() + 20, header.number);
  std::memcpy(bytes.data() + 24, header.store.data(), header.store.size());
  store_le(bytes.data() + 40, header.epoch);
  seal_block(bytes);
  return bytes;
}

Result<SegmentHeader> decode_segment_header(ByteView bytes) {
  if (bytes.size() < kSegmentHeaderBytes) return Error(Code::damaged, "segment header cut short");
  bytes = bytes.first(kSegmentHeaderBytes);
  if (load_le<std::uint64_t>(bytes.data() + 8) != kSegmentMagic || !block_sealed(bytes))
    return Error(Code::damaged, "segment header damaged");
  SegmentHeader header;
  header.version = load_le<std::uint32_t>(bytes.data() + 16);
  RETURN_IF_ERROR(check_version(header.version));
  header.number = load_le<std::uint32_t>(bytes.data() + 20);
  std::memcpy(header.store.data(), bytes.data() + 24, header.store.size());
  header.epoch = load_le<std::uint64_t>(bytes.data() + 40);
  return header;
}

std::string segment_name(std::uint32_t number) { return numbered("segment-", number); }
std::string index_name(std::uint32_t number) { return numbered("index.", number); }
std::optional<std::uint32_t> parse_segment_name(std::string_view name) { return parse_numbered(name, "segment-"); }
std::optional<std::uint32_t> parse_index_name(std::string_view name) { return parse_numbered(name, "index."); }

// --- records ---

std::string_view to_string(RecordKind kind) {
  switch (kind) {
    case RecordKind::value:
      return "value";
    case RecordKind::touch:
      return "touch";
    case RecordKind::tombstone:
      return "tombstone";
    case RecordKind::quarantine:
      return "quarantine";
  }
  return "unknown";
}

std::vector<std::uint64_t> value_sums(ByteView value) {
  std::vector<std::uint64_t> sums;
  sums.reserve(check_blocks(static_cast<std::uint32_t>(value.size())));
  for (; !value.empty(); value = value.subspan(std::min(value.size(), kChunkCheckBlock)))
    sums.push_back(xxh3(value.first(std::min(value.size(), kChunkCheckBlock))));
  return sums;
}

std::uint64_t segment_seal(const StoreId& store, std::uint32_t segment) { return xxh3(store, segment); }

// checksum 8 | magic 4 | kind 1 | zero 1 | form 2 | number 8 | id 32 | length 4 | durable_to 4 | old_segment 4 |
// old_offset 4 | checksums of the value's blocks, 8 each
void encode_record(const RecordHeader& header, std::span<const std::uint64_t> sums, std::uint64_t seal,
                   MutableBytes out) {
  CHECK(out.size() == header.prefix_bytes() && out.size() == kRecordHeaderBytes + kSumBytes * sums.size());
  std::uint8_t* at = out.data();
  store_le(at + 8, kRecordMagic);
  at[12] = static_cast<std::uint8_t>(header.kind);
  at[13] = 0;
  store_le(at + 14, header.form);
  store_le(at + 16, header.number);
  std::memcpy(at + 24, header.id.bytes.data(), Id::kSize);
  store_le(at + 56, header.length);
  store_le(at + 60, header.durable_to);
  store_le(at + 64, header.old_segment);
  store_le(at + 68, header.old_offset);
  if (!sums.empty()) std::memcpy(at + kRecordHeaderBytes, sums.data(), sums.size_bytes());
  store_le(at, xxh3(ByteView(out).subspan(8), seal));
}

std::optional<std::size_t> record_prefix_bytes(ByteView header) {
  if (header.size() < kRecordHeaderBytes || load_le<std::uint32_t>(header.data() + 8) != kRecordMagic)
    return std::nullopt;
  auto kind = header[12];
  if (kind < 1 || kind > 4 || header[13] != 0) return std::nullopt;
  if (kind != static_cast<std::uint8_t>(RecordKind::value)) return kRecordHeaderBytes;
  auto length = load_le<std::uint32_t>(header.data() + 56);
  if (length > kValueBytesMax) return std::nullopt;
  return value_prefix_bytes(length);
}

std::optional<RecordHeader> decode_record(ByteView prefix, std::uint64_t seal) {
  std::optional<std::size_t> bytes = record_prefix_bytes(prefix);
  if (!bytes || *bytes > prefix.size()) return std::nullopt;
  const std::uint8_t* at = prefix.data();
  if (load_le<std::uint64_t>(at) != xxh3(prefix.first(*bytes).subspan(8), seal)) return std::nullopt;
  RecordHeader header;
  header.kind = static_cast<RecordKind>(at[12]);
  header.form = load_le<std::uint16_t>(at + 14);
  header.number = load_le<std::uint64_t>(at + 16);
  std::memcpy(header.id.bytes.data(), at + 24, Id::kSize);
  header.length = load_le<std::uint32_t>(at + 56);
  header.durable_to = load_le<std::uint32_t>(at + 60);
  header.old_segment = load_le<std::uint32_t>(at + 64);
  header.old_offset = load_le<std::uint32_t>(at + 68);
  return header;
}

std::uint64_t record_sum(ByteView prefix, std::uint32_t block) {
  return load_le<std::uint64_t>(prefix.data() + kRecordHeaderBytes + kSumBytes * block);
}
bool block_sound(ByteView prefix, std::uint32_t block, ByteView bytes) {
  return record_sum(prefix, block) == xxh3(bytes);
}
bool value_sound(ByteView prefix, ByteView value) {
  for (std::uint32_t block = 0; !value.empty(); ++block) {
    std::size_t size = std::min(value.size(), kChunkCheckBlock);
    if (!block_sound(prefix, block, value.first(size))) return false;
    value = value.subspan(size);
  }
  return true;
}

std::optional<ByteVector> repair_record(ByteView bytes, std::uint64_t seal) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  ByteVector trial = to_vector(bytes.first(std::min(bytes.size(), kRecordPrefixBytesMax)));
  auto sound_with = [&](std::size_t bit) {
    trial[bit / 8] = static_cast<std::uint8_t>(trial[bit / 8] ^ (1u << bit % 8));
    std::optional<std::size_t> size = record_prefix_bytes(trial);
    bool sound = size && bit / 8 < *size && decode_record(trial, seal).has_value();
    if (sound) {
      trial.resize(*size);
    } else {
      trial[bit / 8] = static_cast<std::uint8_t>(trial[bit / 8] ^ (1u << bit % 8));
    }
    return sound;
  };
  for (std::size_t bit = 0; bit < 8 * kRecordHeaderBytes; ++bit)
    if (sound_with(bit)) return trial;
  // A flip among the checksums: the header still says how many there are.
  std::optional<std::size_t> size = record_prefix_bytes(trial);
  if (!size || *size > trial.size()) return std::nullopt;
  for (std::size_t bit = 8 * kRecordHeaderBytes; bit < 8 * *size; ++bit)
    if (sound_with(bit)) return trial;
  return std::nullopt;
}

}  // namespace vortex::wal::values
