#include "chunker/form.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "base/hash.h"
#include "chunker/compress.h"

namespace vortex::chunker {
namespace {

constexpr std::size_t kChecksumAt = kHeaderSize - 8;

// The fields in their order in the header, the checksum behind them.
struct Layout {
  std::uint32_t magic = ChunkHeader::kMagic;
  std::uint8_t version = ChunkHeader::kVersion;
  Compression compression = Compression::none;
  Sealing sealing = Sealing::none;
  std::uint8_t zero = 0;
  std::uint32_t plain_size = 0;
  std::uint32_t packed_size = 0;
  SealTicket ticket;
  std::uint64_t packed_sum = 0;
  VORTEX_FIELDS(magic, version, compression, sealing, zero, plain_size, packed_size, ticket, packed_sum)
};

std::string describe(const StoredForm& form) {
  return std::string(form.sealed ? "sealed" : "unsealed") + (form.compressed ? ", compressed, of " : ", raw, of ") +
         std::to_string(form.size) + " bytes";
}

Error damaged(std::string_view why) { return Error(Code::damaged, "chunk header: " + std::string(why)); }

const char* impossible(const ChunkHeader& header) {
  if (header.plain_size == 0 || header.plain_size > kChunkSizeMax) return "impossible size";
  if (header.compression == Compression::none && header.packed_size != header.plain_size) return "sizes differ";
  if (header.compression == Compression::lz4_high) return "unknown compression";
  if (header.compression == Compression::lz4 &&
      (header.packed_size == 0 || header.packed_size > packed_max(header.plain_size)))
    return "impossible compressed size";
  if (!header.sealed() && header.ticket != SealTicket()) return "a ticket without a seal";
  if (header.packed_sum != 0 && (header.sealed() || header.compression == Compression::none))
    return "a sum without compression";
  return nullptr;
}

}  // namespace

void encode_header(const ChunkHeader& header, MutableBytes out) {
  CHECK(out.size() == kHeaderSize && impossible(header) == nullptr);
  Layout layout;
  layout.compression = header.compression;
  layout.sealing = header.sealing;
  layout.plain_size = header.plain_size;
  layout.packed_size = header.packed_size;
  layout.ticket = header.ticket;
  layout.packed_sum = header.packed_sum;
  ByteVector bytes = encode(layout);
  CHECK(bytes.size() == kChecksumAt);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  store_le(out.data() + kChecksumAt, xxh3(out.first(kChecksumAt)));
}

Result<ChunkHeader> decode_header(ByteView stored) {
  if (stored.size() < kHeaderSize) return damaged("cut short");
  if (load_le<std::uint32_t>(stored.data()) != ChunkHeader::kMagic) return damaged("wrong magic");
  if (load_le<std::uint64_t>(stored.data() + kChecksumAt) != xxh3(stored.first(kChecksumAt)))
    return damaged("does not match its checksum");
  if (std::uint8_t version = stored[4]; version != ChunkHeader::kVersion)
    return Error(Code::unsupported_version, "chunk in form " + std::to_string(version));
  auto layout = decode<Layout>(stored.first(kChecksumAt));
  if (!layout.ok()) return damaged("impossible field");
  if (layout->zero != 0) return damaged("reserved byte is not zero");
  ChunkHeader header;
  header.plain_size = layout->plain_size;
  header.packed_size = layout->packed_size;
  header.compression = layout->compression;
  header.sealing = layout->sealing;
  header.ticket = layout->ticket;
  header.packed_sum = layout->packed_sum;
  if (const char* why = impossible(header)) return damaged(why);
  return header;
}

Result<ChunkHeader> decode_whole(ByteView stored, const StoredForm& expected) {
  ASSIGN_OR_RETURN(ChunkHeader header, decode_header(stored));
  if (stored.size() != header.stored_size())
    return Error(Code::damaged, "chunk has " + std::to_string(stored.size()) + " bytes instead of " +
                                    std::to_string(header.stored_size()));
  if (header.form() != expected)
    return Error(Code::damaged, "chunk is " + describe(header.form()) + " where " + describe(expected) + " is named");
  return header;
}

}  // namespace vortex::chunker
