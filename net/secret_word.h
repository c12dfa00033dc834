// Secrets as people pass them on: one word of letters and digits with a checksum, which survives copying and is known
// by how it begins.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace vortex::net {

struct SecretWord {
  std::string_view name;  // "vxjoin"; a version follows it
  char version = '1';
  std::string_view what;  // in errors: "join token"

  std::string to_text(ByteView fields) const;
  // Spaces and line breaks, as copying leaves them, are passed over. The error says what is wrong with the text.
  Result<ByteVector> parse(std::string_view text) const;
};

}  // namespace vortex::net
