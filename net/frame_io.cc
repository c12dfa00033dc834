#include "net/frame_io.h"

#include <array>

namespace vortex::net {

namespace {

Task<Status> read_exactly(Connection& connection, MutableBytes into) {
  while (!into.empty()) {
    CO_ASSIGN_OR_RETURN(std::size_t size, co_await connection.read_some(into));
    into = into.subspan(size);
  }
  co_return Status();
}

}  // namespace

Task<Status> write_frame(Connection& connection, ByteVector frame) {
  ByteView piece(frame);
  co_return co_await connection.write(std::span<const ByteView>(&piece, 1));
}

Task<Result<PlainFrame>> read_frame(Connection& connection, std::uint32_t body_max) {
  std::array<std::uint8_t, kFrameHeaderSize> bytes;
  CO_RETURN_IF_ERROR(co_await read_exactly(connection, bytes));
  CO_ASSIGN_OR_RETURN(FrameHeader header, load_header(bytes.data()));
  if (header.payload_length != 0) co_return Error(Code::bad_message, "payload before the handshake is over");
  if (header.body_length > body_max) co_return Error(Code::too_large, "body over the limit of a handshake");
  PlainFrame frame;
  frame.header = header;
  frame.body.resize(header.body_length);
  CO_RETURN_IF_ERROR(co_await read_exactly(connection, frame.body));
  if (header.body_sum != body_sum(frame.body)) co_return Error(Code::bad_message, "body sum is wrong");
  co_return frame;
}

}  // namespace vortex::net
