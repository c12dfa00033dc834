// The name of one copy of a value on one node: which start of the node wrote it, and in which order.
#pragma once

#include <compare>
#include <cstdint>

#include "base/codec.h"

namespace vortex::wal::values {

struct CopyNumber {
  static constexpr int kSequenceBits = 40;
  static constexpr std::uint64_t kSequenceMax = (std::uint64_t(1) << kSequenceBits) - 1;
  static constexpr std::uint64_t kEpochMax = (std::uint64_t(1) << (64 - kSequenceBits)) - 1;

  std::uint64_t epoch = 0;     // raised at every start
  std::uint64_t sequence = 0;  // from 1 within an epoch

  CopyNumber() = default;
  CopyNumber(std::uint64_t e, std::uint64_t s) : epoch(e), sequence(s) {}
  // One number that orders like the pair; what records on disk carry.
  static CopyNumber unpack(std::uint64_t packed) { return CopyNumber(packed >> kSequenceBits, packed & kSequenceMax); }
  std::uint64_t packed() const {
    CHECK(epoch <= kEpochMax && sequence <= kSequenceMax);
    return epoch << kSequenceBits | sequence;
  }
  auto operator<=>(const CopyNumber&) const = default;

  VORTEX_FIELDS(epoch, sequence)
};

}  // namespace vortex::wal::values
