// Messages of the handshake over a stream. Not a byte behind a message is read.
#pragma once

#include <optional>

#include "base/network.h"
#include "net/hello.h"

namespace vortex::net {

class HelloIo {
 public:
  // `first` is the first byte of the stream, where it was taken to see what is spoken.
  explicit HelloIo(Connection& stream, std::optional<std::uint8_t> first = std::nullopt)
      : stream_(stream), first_(first) {}

  // The next message, header and body; when it is a refusal instead, the error that it carries.
  Task<Result<ByteVector>> read(HelloKind expected);
  Task<Status> write(ByteVector messages);

 private:
  Task<Status> read_exactly(MutableBytes into);

  Connection& stream_;
  std::optional<std::uint8_t> first_;
};

inline ByteView hello_body(ByteView message) { return message.subspan(kHelloHeaderSize); }

}  // namespace vortex::net
