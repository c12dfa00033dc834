#include "chunker/sealer.h"

#include <limits>

#include "base/check.h"
#include "base/endian.h"
#include "chunker/aead.h"

namespace vortex::chunker {
namespace {

static_assert(kTagSize == kSealTagSize);
constexpr std::string_view kSealLabel = "vortex seal 1";

Nonce nonce_of(std::uint64_t number) {
  Nonce nonce{};
  store_le(nonce.data(), number);
  return nonce;
}

using Bound = std::array<std::uint8_t, kHeaderSize + 8>;
Bound bound_bytes(ByteView encoded_header, std::uint64_t file_offset) {
  CHECK(encoded_header.size() == kHeaderSize);
  Bound bound;
  std::memcpy(bound.data(), encoded_header.data(), kHeaderSize);
  store_le(bound.data() + kHeaderSize, file_offset);
  return bound;
}

}  // namespace

Sealer::Sealer(const SecretKey& file_key, Random& random) : file_key_(file_key) {
  random.fill(salt_);
  key_ = file_key.derive(kSealLabel, salt_);
}

SealTurn Sealer::next_turn() {
  SealTicket ticket;
  ticket.salt = salt_;
  ticket.number = tickets_.fetch_add(1);
  return SealTurn(*this, ticket);
}

void SealTurn::seal(const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset, MutableBytes content,
                    MutableBytes tag) && {
  CHECK(sealer_ != nullptr && header.sealed() && header.ticket == ticket_);
  const Sealer& sealer = *std::exchange(sealer_, nullptr);
  aead_seal(sealer.key_, nonce_of(ticket_.number), bound_bytes(encoded_header, file_offset), content, content, tag);
}

Status unseal(const SecretKey& file_key, const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset,
              ByteView sealed, ByteView tag, MutableBytes out) {
  CHECK(header.sealed());
  SecretKey key = file_key.derive(kSealLabel, header.ticket.salt);
  if (!aead_open(key, nonce_of(header.ticket.number), bound_bytes(encoded_header, file_offset), sealed, tag, out))
    return Error(Code::damaged, "sealed chunk does not open: wrong key, wrong place or changed bytes");
  return {};
}

}  // namespace vortex::chunker
