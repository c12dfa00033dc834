// All records of the file system, for the deep check.
#pragma once

#include <cstdint>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "net/message_row.h"

namespace vortex::net {

// Records of one partition from a key on, asked of its leader by an administrator. `not_leader` from others.
struct ReadRecordsRequest {
  std::uint32_t partition = 0;
  Id place;
  ByteVector name;
  VORTEX_FIELDS(partition, place, name)
};
struct ReadRecord {
  Id place;
  ByteVector name;
  ByteVector value;
  VORTEX_FIELDS(place, name, value)
};
struct ReadRecordsResponse {
  std::vector<ReadRecord> records;
  bool more = false;  // go on at this key
  Id next_place;
  ByteVector next_name;
  VORTEX_FIELDS(records, more, next_place, next_name)
};

// clang-format off
#define VORTEX_DEEP_MESSAGES(X) \
  X(186, ReadRecords, ReadRecordsRequest, ReadRecordsResponse, kFrameBodyMax, 0, 0, frame, true, client, normal)
// clang-format on
VORTEX_DEEP_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
