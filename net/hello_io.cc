#include "net/hello_io.h"

#include <array>

namespace vortex::net {

Task<Status> HelloIo::read_exactly(MutableBytes into) {
  if (first_ && !into.empty()) {
    into[0] = *first_;
    first_.reset();
    into = into.subspan(1);
  }
  while (!into.empty()) {
    auto size = co_await stream_.read_some(into);
    if (size.is(Code::end_of_stream)) co_return Error(Code::closed, "the other side left during the handshake");
    if (!size.ok()) co_return std::move(size).error();
    into = into.subspan(*size);
  }
  co_return Status();
}

Task<Result<ByteVector>> HelloIo::read(HelloKind expected) {
  ByteVector message(kHelloHeaderSize);
  CO_RETURN_IF_ERROR(co_await read_exactly(message));
  CO_ASSIGN_OR_RETURN(HelloHeader header, parse_hello_header(message));
  if (header.kind != expected && header.kind != HelloKind::refusal)
    co_return Error(Code::bad_message, "handshake: message out of turn");
  message.resize(kHelloHeaderSize + header.length);
  CO_RETURN_IF_ERROR(co_await read_exactly(MutableBytes(message).subspan(kHelloHeaderSize)));
  if (header.kind == expected) co_return std::move(message);
  CO_ASSIGN_OR_RETURN(Refusal refusal, parse_hello<Refusal>(hello_body(message)));
  co_return to_error(refusal);
}

Task<Status> HelloIo::write(ByteVector messages) {
  ByteView piece(messages);
  co_return co_await stream_.write(std::span<const ByteView>(&piece, 1));
}

}  // namespace vortex::net
