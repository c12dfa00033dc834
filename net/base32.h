// RFC 4648 base32 without padding, in lower case: text that survives copying, double clicks and dictation.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace vortex::net {

std::string to_base32(ByteView bytes);
// Either case. Nothing when there is another character or a length or last bits that no bytes have.
std::optional<ByteVector> from_base32(std::string_view text);

}  // namespace vortex::net
