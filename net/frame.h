// The frame: a fixed header, a body made by the codec, and a payload of bulk bytes behind it. See README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "base/bytes.h"
#include "base/codec.h"
#include "base/result.h"

namespace vortex::net {

inline constexpr std::uint32_t kFrameMagic = 0x464e5856;  // "VXNF" on the wire
// The version this program speaks, and the oldest one that it still understands.
inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::uint8_t kVersionOldest = kVersion > 1 ? kVersion - 1 : 1;

enum class Kind : std::uint8_t {
  request = 1,
  response = 2,
  error = 3,    // answers a request; body: ErrorBody
  cancel = 4,   // the caller no longer wants the answer; nothing follows
  ping = 5,     // answered at once by a pong with the same id
  pong = 6,     //
  goodbye = 7,  // the last frame of its sender, with the reason; body: GoodbyeBody
};
inline constexpr std::uint8_t kKindMax = 7;

// Bits of FrameHeader::flags; all others are zero.
inline constexpr std::uint16_t kFlagPayloadSum = 1;  // payload_sum is set

// As it lies on the wire: little-endian, no gaps.
struct FrameHeader {
  std::uint32_t magic = kFrameMagic;
  std::uint8_t version = kVersion;
  std::uint8_t kind = 0;
  std::uint16_t method = 0;  // also in responses and errors; 0 in cancel, ping, pong and goodbye
  std::uint16_t flags = 0;
  std::uint16_t reserved = 0;
  std::uint32_t deadline_ms = 0;  // requests only: how long the caller still waits, counted from arrival
  std::uint64_t request_id = 0;   // chosen by the caller, ever greater on one connection; 0 only in goodbye
  std::uint32_t body_length = 0;
  std::uint32_t payload_length = 0;
  std::uint64_t body_sum = 0;     // XXH3 of the body; 0 when it is empty
  std::uint64_t payload_sum = 0;  // XXH3 of the payload, where the method has it so
  std::uint64_t header_sum = 0;   // XXH3 of all bytes before this field
};
inline constexpr std::size_t kFrameHeaderSize = 56;
static_assert(sizeof(FrameHeader) == kFrameHeaderSize && std::is_trivially_copyable_v<FrameHeader>);
static_assert(offsetof(FrameHeader, method) == 6 && offsetof(FrameHeader, deadline_ms) == 12 &&
              offsetof(FrameHeader, request_id) == 16 && offsetof(FrameHeader, payload_length) == 28 &&
              offsetof(FrameHeader, payload_sum) == 40 && offsetof(FrameHeader, header_sum) == 48);

// Fills in header_sum and writes the header to `out`, which has kFrameHeaderSize bytes.
void store_header(FrameHeader header, std::uint8_t* out);
// Believes nothing before the sum is right; then magic, kind, flags, the method and its limits are checked, and that
// the version is the one that was negotiated. The error says what was wrong; the connection is of no use any more.
Result<FrameHeader> load_header(const std::uint8_t* in, std::uint8_t version = kVersion);

// What the body_sum of such a body is: XXH3, and 0 for an empty one.
std::uint64_t body_sum(ByteView body);

inline constexpr std::size_t kReasonMax = 512;  // bytes of text in an error or goodbye; longer ones are cut

struct ErrorBody {
  std::uint16_t code = 0;
  std::uint32_t retry_after_ms = 0;
  std::string message;
  VORTEX_FIELDS(code, retry_after_ms, message)

  ErrorBody() = default;
  explicit ErrorBody(const Error& error);
  Error to_error() const;  // see reported_error.h
};

struct GoodbyeBody {
  std::uint16_t code = 0;
  // No request with a greater id was or will be executed by the sender of the goodbye.
  std::uint64_t last_request = 0;
  std::string message;
  VORTEX_FIELDS(code, last_request, message)
};

inline constexpr std::uint32_t kErrorBodyMax = 2 + 4 + 4 + kReasonMax;
inline constexpr std::uint32_t kGoodbyeBodyMax = 2 + 8 + 4 + kReasonMax;

}  // namespace vortex::net
