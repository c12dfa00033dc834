// Where a record lies in the log, and who owns it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace vortex::wal {

using OwnerId = std::uint64_t;
using SegmentId = std::uint32_t;

// Segment in the high half, offset of the record's header in the low one: later records have greater numbers. Zero is
// before every record.
struct Lsn {
  std::uint64_t value = 0;

  Lsn() = default;
  explicit Lsn(std::uint64_t number) : value(number) {}
  Lsn(SegmentId segment, std::uint64_t offset) : value(std::uint64_t(segment) << 32 | offset) {}
  SegmentId segment() const { return static_cast<SegmentId>(value >> 32); }
  std::uint32_t offset() const { return static_cast<std::uint32_t>(value); }
  auto operator<=>(const Lsn&) const = default;
  // "7:4096"
  std::string to_string() const { return std::to_string(segment()) + ":" + std::to_string(offset()); }
};

}  // namespace vortex::wal
