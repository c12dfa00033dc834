// Sealing the chunks of one file: AES-256-GCM under keys derived from the file's key.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bytes.h"
#include "base/random.h"
#include "chunker/form.h"
#include "chunker/keys.h"

namespace vortex::chunker {

// One store's (or one writer's) sealing of one file. Nonces cannot repeat: each Sealer draws a salt of 192 bits from
// which its key is derived, and counts its chunks. So it is never copied, and two Sealers share no key.
class Sealer {
 public:
  Sealer(const SecretKey& file_key, Random& random);
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // Each ticket is for one chunk. Any thread; take them in the order of the file to get the same bytes in each run.
  SealTicket next_ticket();

  // Seals `content` in place and writes the tag behind it. Bound to it: the header, which must be the encoded one that
  // goes with it and hold the ticket, and the offset of the chunk's first byte in the file. Any thread.
  void seal(const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset, MutableBytes content,
            MutableBytes tag) const;

 private:
  std::array<std::uint8_t, 24> salt_{};
  SecretKey key_;
  std::atomic<std::uint64_t> tickets_{0};
};

// The reverse: `sealed` is the content without its tag, `out` has its size. `damaged` (and zeros) when anything differs
// from what was sealed: key, header, offset, content.
Status unseal(const SecretKey& file_key, const ChunkHeader& header, ByteView encoded_header, std::uint64_t file_offset,
              ByteView sealed, ByteView tag, MutableBytes out);

}  // namespace vortex::chunker
