// Messages that every node answers, whatever it is for.
#pragma once

#include <string>
#include <vector>

#include "base/codec.h"

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

}  // namespace vortex::net
