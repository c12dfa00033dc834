// Gives back the space of dead records: copies the live rest of the worst segments and removes them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/token_bucket.h"
#include "wal/value_store/core.h"
#include "wal/value_store/reports.h"
#include "wal/value_store/scanner.h"

namespace vortex::wal::values {

// At any moment a crash finds each live record in its old place, or in its new one, or in both.
class Reclaimer {
 public:
  explicit Reclaimer(StoreCore& core);

  // Is there a segment worth it?
  bool wanted() const;
  // Takes a group of the worst segments, to the end. Nothing when none is worth it.
  Task<Result<ReclaimReport>> step();
  void set_rate(double bytes_per_second);

 private:
  std::vector<std::shared_ptr<Segment>> choose() const;
  bool eligible(const Segment& segment) const;
  Task<Status> empty(std::shared_ptr<Segment> segment, ReclaimReport& report);
  struct Move;
  using Moves = std::vector<std::unique_ptr<Move>>;
  Task<Result<bool>> still_needed(std::shared_ptr<Segment> segment, SegmentScanner& scanner, const ScanItem& item,
                                  KeyLock& lock, Moves& moves, ReclaimReport& report);
  Task<Status> flush(Moves& moves, ReclaimReport& report);
  Task<Result<bool>> pass_over(std::shared_ptr<Segment> segment, SegmentScanner& scanner, const ScanItem& item);
  Task<Status> rescue_touches(std::shared_ptr<Segment> segment, ReclaimReport& report);
  void forget(Segment& segment, ReclaimReport& report);
  Task<Status> pace(std::uint64_t bytes);

  StoreCore& core_;
  Lane lane_;  // its own, so that what lives long is kept apart from what is new
  TokenBucket rate_;
};

}  // namespace vortex::wal::values
