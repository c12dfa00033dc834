// Sealing the chunks of one file: AES-256-GCM under keys derived from the file's key.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/random.h"
#include "chunker/form.h"
#include "chunker/keys.h"

namespace vortex::chunker {

class Sealer;

// The right to seal one chunk, once: a nonce must not meet a second message, so it moves and is used up.
class SealTurn {
 public:
  SealTurn(SealTurn&& other) noexcept : sealer_(std::exchange(other.sealer_, nullptr)), ticket_(other.ticket_) {}
  SealTurn& operator=(SealTurn&& other) noexcept {
    sealer_ = std::exchange(other.sealer_, nullptr);
    ticket_ = other.ticket_;
    return *this;
  }

  bool usable() const { return sealer_ != nullptr; }
  // What the chunk's header must say.
  const SealTicket& ticket() const { return ticket_; }
  // Seals `content` in place and writes the tag behind it. Bound to it: the header, which must be the encoded one that
  // goes with it and hold the ticket, and the offset of the chunk's first byte in the file. Any thread; once.
  void seal(const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset, MutableBytes content,
            MutableBytes tag) &&;

 private:
  friend class Sealer;
  SealTurn(const Sealer& sealer, const SealTicket& ticket) : sealer_(&sealer), ticket_(ticket) {}
  const Sealer* sealer_;  // null: used up or moved away
  SealTicket ticket_;
};

// One store's (or one writer's) sealing of one file. Nonces cannot repeat: each Sealer draws a salt of 192 bits from
// which its key is derived, and counts its chunks. So it is never copied, and two Sealers share no key.
class Sealer {
 public:
  Sealer(const SecretKey& file_key, Random& random);
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // For whatever else of the file must not be guessed.
  const SecretKey& file_key() const { return file_key_; }

  // Any thread; take them in the order of the file to get the same bytes in each run. The sealer outlives its turns.
  SealTurn next_turn();

 private:
  friend class SealTurn;
  const SecretKey file_key_;
  std::array<std::uint8_t, 24> salt_{};
  SecretKey key_;
  std::atomic<std::uint64_t> tickets_{0};
};

// The reverse: `sealed` is the content without its tag, `out` has its size. `damaged` (and zeros) when anything differs
// from what was sealed: key, header, offset, content.
Status unseal(const SecretKey& file_key, const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset,
              ByteView sealed, ByteView tag, MutableBytes out);

}  // namespace vortex::chunker
