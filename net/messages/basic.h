// Messages that every node answers, whatever it is for.
#pragma once

#include <string>
#include <vector>

#include "base/codec.h"
#include "net/message_row.h"

namespace vortex::net {

// The answer holds the same data, and the same payload.
struct EchoRequest {
  ByteVector data;
  VORTEX_FIELDS(data)
};
struct EchoResponse {
  ByteVector data;
  VORTEX_FIELDS(data)
};

struct EchoBulkRequest {
  std::uint32_t answer_bytes = 0;  // size of the payload wanted back: the first bytes of the one sent
  VORTEX_FIELDS(answer_bytes)
};
struct EchoBulkResponse {
  std::uint32_t received_bytes = 0;
  VORTEX_FIELDS(received_bytes)
};

// What do you speak?
struct MethodDescription {
  std::uint16_t number = 0;
  std::string name;
  VORTEX_FIELDS(number, name)
};
struct DescribeRequest {
  VORTEX_FIELDS()
};
struct DescribeResponse {
  std::uint16_t version = 0;
  std::uint16_t version_oldest = 0;
  std::vector<MethodDescription> methods;  // those that are served here to this caller
  VORTEX_FIELDS(version, version_oldest, methods)
};

// clang-format off
#define VORTEX_BASIC_MESSAGES(X) \
  X(2, Echo,     EchoRequest,     EchoResponse,     64 * kKiB, kPayloadMax, kPayloadMax, frame, true, anyone, normal) \
  X(3, EchoBulk, EchoBulkRequest, EchoBulkResponse, 1 * kKiB,  kPayloadMax, kPayloadMax, own,   true, anyone, bulk) \
  X(4, Describe, DescribeRequest, DescribeResponse, 64 * kKiB, 0,            0,            frame, true, anyone, normal)
// clang-format on
VORTEX_BASIC_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
