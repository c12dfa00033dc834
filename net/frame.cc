#include "net/frame.h"

#include "base/hash.h"
#include "net/method.h"
#include "net/reported_error.h"

namespace vortex::net {

namespace {

constexpr std::size_t kSummed = offsetof(FrameHeader, header_sum);

Error malformed(const char* what) { return Error(Code::bad_message, what); }

Status check_request_or_response(const FrameHeader& header, bool request) {
  const MethodInfo* method = find_method(header.method);
  if (!method) return Error(Code::unknown_method, "method " + std::to_string(header.method));
  if (header.body_length > method->body_max) return Error(Code::too_large, "body over the method's limit");
  std::uint32_t payload_max = request ? method->request_payload_max : method->response_payload_max;
  if (header.payload_length > payload_max) return Error(Code::too_large, "payload over the method's limit");
  bool summed = header.payload_length > 0 && method->payload_sum == PayloadSum::frame;
  if (summed != ((header.flags & kFlagPayloadSum) != 0)) return malformed("payload sum missing or not expected");
  if (!request && header.deadline_ms != 0) return malformed("deadline in an answer");
  return Status();
}

Status check_bodiless(const FrameHeader& header) {
  if (header.method != 0) return malformed("method in a frame that has none");
  if (header.body_length != 0 || header.body_sum != 0) return malformed("body in a frame that has none");
  return Status();
}

Status check_plain(const FrameHeader& header, std::uint32_t body_max) {
  if (header.payload_length != 0 || header.flags != 0) return malformed("payload in a frame that has none");
  if (header.deadline_ms != 0) return malformed("deadline outside a request");
  if (header.body_length > body_max) return Error(Code::too_large, "body over the limit of its kind");
  return Status();
}

Status check_fields(const FrameHeader& header) {
  if (header.reserved != 0 || (header.flags & ~kFlagPayloadSum) != 0) return malformed("reserved bits are set");
  if (!(header.flags & kFlagPayloadSum) && header.payload_sum != 0) return malformed("payload sum without its flag");
  auto kind = static_cast<Kind>(header.kind);
  if ((header.request_id == 0) != (kind == Kind::goodbye)) return malformed("impossible request id");
  switch (kind) {
    case Kind::request:
      return check_request_or_response(header, true);
    case Kind::response:
      return check_request_or_response(header, false);
    case Kind::error:
      if (!find_method(header.method)) return Error(Code::unknown_method, "method " + std::to_string(header.method));
      return check_plain(header, kErrorBodyMax);
    case Kind::cancel:
    case Kind::ping:
    case Kind::pong:
      RETURN_IF_ERROR(check_bodiless(header));
      return check_plain(header, 0);
    case Kind::goodbye:
      if (header.method != 0) return malformed("method in a frame that has none");
      return check_plain(header, kGoodbyeBodyMax);
  }
  return malformed("unknown kind of frame");
}

std::string cut(std::string_view text) { return std::string(text.substr(0, kReasonMax)); }

}  // namespace

void store_header(FrameHeader header, std::uint8_t* out) {
  std::memcpy(out, &header, kSummed);
  store_le(out + kSummed, xxh3(ByteView(out, kSummed)));
}

Result<FrameHeader> load_header(const std::uint8_t* in, std::uint8_t version) {
  FrameHeader header;
  std::memcpy(&header, in, kFrameHeaderSize);
  // Magic first: who speaks another protocol altogether is told so.
  if (header.magic != kFrameMagic) return malformed("not a vortex frame");
  if (header.header_sum != xxh3(ByteView(in, kSummed))) return malformed("header sum is wrong");
  if (header.version != version)
    return Error(Code::unsupported_version,
                 "frame version " + std::to_string(header.version) + " instead of " + std::to_string(version));
  RETURN_IF_ERROR(check_fields(header));
  return header;
}

std::uint64_t body_sum(ByteView body) { return body.empty() ? 0 : xxh3(body); }

ErrorBody::ErrorBody(const Error& error)
    : code(static_cast<std::uint16_t>(error.code())),
      retry_after_ms(error.retry_after_ms()),
      message(cut(error.message())) {}

Error ErrorBody::to_error() const { return reported_error(code, retry_after_ms, cut(message)); }

}  // namespace vortex::net
