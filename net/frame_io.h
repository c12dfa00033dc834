// Frames one at a time over a bare connection, for handshakes. Not a byte behind the frame is read.
#pragma once

#include "base/network.h"
#include "net/frame.h"

namespace vortex::net {

struct PlainFrame {
  FrameHeader header;
  ByteVector body;

  PlainFrame() = default;
};

Task<Status> write_frame(Connection& connection, ByteVector frame);
// A frame without a payload whose body is no longer than `body_max`; its sums and fields have been checked.
Task<Result<PlainFrame>> read_frame(Connection& connection, std::uint32_t body_max);

}  // namespace vortex::net
