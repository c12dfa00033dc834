// AES-256-GCM over buffers, in place or from one to another. Private to this room.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "chunker/keys.h"

namespace vortex::chunker {

using Nonce = std::array<std::uint8_t, 12>;
inline constexpr std::size_t kTagSize = 16;

// The same key and nonce never for two messages. `out` has the size of `plain`; they are the same memory or do not
// overlap.
void aead_seal(const SecretKey& key, const Nonce& nonce, ByteView bound, ByteView plain, MutableBytes out,
               MutableBytes tag);
// False when key, nonce, bound bytes, sealed bytes or tag are not those of sealing; `out` is zeroed then.
bool aead_open(const SecretKey& key, const Nonce& nonce, ByteView bound, ByteView sealed, ByteView tag,
               MutableBytes out);

}  // namespace vortex::chunker
