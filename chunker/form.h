// The stored form of a chunk: a header of 64 bytes, then the content, raw, compressed, sealed or both. See README.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/limits.h"
#include "base/result.h"
#include "chunker/policy.h"

namespace vortex::chunker {

inline constexpr std::size_t kHeaderSize = 64;
inline constexpr std::size_t kSealTagSize = 16;
static_assert(kHeaderSize + kSealTagSize <= kChunkOverheadMax);

// What makes a sealed chunk's key and nonce its own: the salt is the sealer's, the number counts its chunks.
struct SealTicket {
  std::array<std::uint8_t, 24> salt{};
  std::uint64_t number = 0;

  bool operator==(const SealTicket&) const = default;
  VORTEX_FIELDS(salt, number)
};

// What whoever names a chunk knows of its stored form. Raw and sealed chunks are both named by a SHA-256, of different
// things: without this the sealed bytes of one chunk could pass as the content of another, or unsealed ones for sealed.
struct StoredForm {
  std::uint32_t size = 0;  // of the whole stored form
  bool compressed = false;
  bool sealed = false;
  bool operator==(const StoredForm&) const = default;
};

struct ChunkHeader {
  static constexpr std::uint32_t kMagic = 0x31435856;  // "VXC1"
  static constexpr std::uint8_t kVersion = 1;

  std::uint32_t plain_size = 0;
  std::uint32_t packed_size = 0;                // after compression; the plain size when there was none
  Compression compression = Compression::none;  // none or lz4: both levels of LZ4 unpack alike
  Sealing sealing = Sealing::none;
  SealTicket ticket;  // zeros when not sealed
  std::uint64_t packed_sum =
      0;  // XXH3 of compressed content that is not sealed: LZ4 has several forms of the same bytes

  bool sealed() const { return sealing != Sealing::none; }
  // The content stands as it is at kHeaderSize, so that a range of it can be read alone.
  bool plain() const { return compression == Compression::none && !sealed(); }
  std::size_t stored_size() const { return kHeaderSize + packed_size + (sealed() ? kSealTagSize : 0); }
  StoredForm form() const {
    return {static_cast<std::uint32_t>(stored_size()), compression != Compression::none, sealed()};
  }
  bool operator==(const ChunkHeader&) const = default;
};

// `out` has kHeaderSize bytes; the header is one that decode_header would return.
void encode_header(const ChunkHeader& header, MutableBytes out);
// `damaged` or `unsupported_version`. Looks at the first kHeaderSize bytes.
Result<ChunkHeader> decode_header(ByteView stored);
// The same for a whole stored form. `damaged`, too, when its size is not the one that its header says, or when it is
// another form than the expected one, though it may be a sound one of the same chunk.
Result<ChunkHeader> decode_whole(ByteView stored, const StoredForm& expected);

}  // namespace vortex::chunker
