#include "wal/format.h"

#include <algorithm>

#include "base/endian.h"
#include "base/hash.h"

namespace vortex::wal {

namespace {
constexpr std::size_t kGroupCheckAt = 120;
constexpr std::size_t kRecordCheckAt = 36;

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::uint32_t record_check(ByteView header, std::uint64_t log_id, Lsn lsn) {
  std::uint8_t bound[kRecordCheckAt + 16];
  std::memcpy(bound, header.data(), kRecordCheckAt);
  store_le(bound + kRecordCheckAt, log_id);
  store_le(bound + kRecordCheckAt + 8, lsn.value);
  return static_cast<std::uint32_t>(xxh3(ByteView(bound)));
}
}  // namespace

void encode_group_header(GroupHeader& header, MutableBytes out) {
  CHECK(out.size() >= kGroupHeaderBytes);
  std::uint8_t* to = out.data();
  std::memset(to, 0, kGroupHeaderBytes);
  store_le(to, kMagic);
  store_le(to + 4, kFormatVersion);
  store_le(to + 6, header.flags);
  store_le(to + 8, header.log_id);
  store_le(to + 16, header.sequence);
  store_le(to + 24, header.previous);
  store_le(to + 32, header.synced);
  store_le(to + 40, header.digest);
  store_le(to + 48, header.offset);
  store_le(to + 56, header.segment);
  store_le(to + 60, header.oldest);
  store_le(to + 64, header.body_bytes);
  store_le(to + 68, header.records);
  header.check = xxh3(ByteView(to, kGroupCheckAt));
  store_le(to + kGroupCheckAt, header.check);
}

HeaderState decode_group_header(ByteView in, GroupHeader& header) {
  if (in.size() < kGroupHeaderBytes) return HeaderState::absent;
  const std::uint8_t* from = in.data();
  if (load_le<std::uint32_t>(from) != kMagic) return HeaderState::absent;
  header.check = load_le<std::uint64_t>(from + kGroupCheckAt);
  if (header.check != xxh3(in.first(kGroupCheckAt))) return HeaderState::absent;
  auto version = load_le<std::uint16_t>(from + 4);
  header.flags = load_le<std::uint16_t>(from + 6);
  if (version < kFormatVersionOldest || version > kFormatVersion) return HeaderState::unsupported_version;
  header.log_id = load_le<std::uint64_t>(from + 8);
  header.sequence = load_le<std::uint64_t>(from + 16);
  header.previous = load_le<std::uint64_t>(from + 24);
  header.synced = load_le<std::uint64_t>(from + 32);
  header.digest = load_le<std::uint64_t>(from + 40);
  header.offset = load_le<std::uint64_t>(from + 48);
  header.segment = load_le<std::uint32_t>(from + 56);
  header.oldest = load_le<std::uint32_t>(from + 60);
  header.body_bytes = load_le<std::uint32_t>(from + 64);
  header.records = load_le<std::uint32_t>(from + 68);
  bool possible = header.body_bytes <= kGroupBytesMax && (header.flags & ~kFlagsKnown) == 0 && header.segment > 0 &&
                  header.segment <= kSegmentNumberMax && header.oldest > 0 && header.oldest <= header.segment &&
                  header.offset % kBlock == 0 && header.offset < kSegmentBytesMax && header.synced < header.sequence &&
                  all_zero(in.subspan(72, kGroupCheckAt - 72));
  return possible ? HeaderState::valid : HeaderState::absent;
}

void encode_record_header(const RecordHeader& header, std::uint64_t log_id, Lsn lsn, MutableBytes out) {
  std::uint8_t* to = out.data();
  store_le(to, header.length);
  store_le(to + 4, header.kind);
  to[6] = static_cast<std::uint8_t>(header.type);
  to[7] = header.flags;
  store_le(to + 8, header.owner);
  store_le(to + 16, header.sequence);
  store_le(to + 24, header.payload_check);
  store_le(to + 32, std::uint32_t(0));
  store_le(to + kRecordCheckAt, record_check(out.first(kRecordCheckAt), log_id, lsn));
}

std::optional<RecordHeader> decode_record_header(ByteView in, std::uint64_t log_id, Lsn lsn) {
  if (in.size() < kRecordHeaderBytes) return std::nullopt;
  const std::uint8_t* from = in.data();
  std::uint8_t type = from[6];
  if (type < std::uint8_t(RecordType::data) || type > std::uint8_t(RecordType::owner_table)) return std::nullopt;
  if (load_le<std::uint32_t>(from + kRecordCheckAt) != record_check(in.first(kRecordCheckAt), log_id, lsn))
    return std::nullopt;
  if ((from[7] & ~kFlagLastOfBatch) != 0 || load_le<std::uint32_t>(from + 32) != 0) return std::nullopt;
  RecordHeader header;
  header.length = load_le<std::uint32_t>(from);
  header.kind = load_le<std::uint16_t>(from + 4);
  header.type = static_cast<RecordType>(type);
  header.flags = from[7];
  header.owner = load_le<std::uint64_t>(from + 8);
  header.sequence = load_le<std::uint64_t>(from + 16);
  header.payload_check = load_le<std::uint64_t>(from + 24);
  return header;
}

std::uint64_t payload_check(ByteView payload) { return xxh3(payload); }

std::uint64_t digest_step(std::uint64_t digest, ByteView record_header) {
  std::uint8_t step[8 + kRecordHeaderBytes];
  store_le(step, digest);
  std::memcpy(step + 8, record_header.data(), kRecordHeaderBytes);
  return xxh3(ByteView(step));
}

void encode_owner_table(const std::vector<OwnerState>& owners, MutableBytes out) {
  CHECK(out.size() == table_payload_bytes(owners.size()));
  std::uint8_t* to = out.data();
  store_le(to, static_cast<std::uint64_t>(owners.size()));
  to += kTableHeadBytes;
  for (const OwnerState& state : owners) {
    store_le(to, state.owner);
    store_le(to + 8, state.sequence);
    store_le(to + 16, state.truncated.value);
    to += kOwnerEntryBytes;
  }
}

std::optional<std::vector<OwnerState>> decode_owner_table(ByteView in) {
  if (in.size() < kTableHeadBytes) return std::nullopt;
  auto count = load_le<std::uint64_t>(in.data());
  if (count > kOwnersMax || in.size() != table_payload_bytes(count)) return std::nullopt;
  std::vector<OwnerState> owners(count);
  const std::uint8_t* from = in.data() + kTableHeadBytes;
  for (OwnerState& state : owners) {
    state.owner = load_le<std::uint64_t>(from);
    state.sequence = load_le<std::uint64_t>(from + 8);
    state.truncated = Lsn(load_le<std::uint64_t>(from + 16));
    from += kOwnerEntryBytes;
  }
  return owners;
}

}  // namespace vortex::wal
