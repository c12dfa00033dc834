// How unusual is this silence? Learned from the gaps between one peer's signs of life.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace vortex::dht {

class Accrual {
 public:
  // The time between two signs of life, both heard by an observer that was not late itself.
  void gap(Duration gap) {
    if (mean_ == Duration(0)) {
      mean_ = gap;
      deviation_ = gap / 4;
      return;
    }
    Duration off = gap > mean_ ? gap - mean_ : mean_ - gap;
    deviation_ += (off - deviation_) / 8;
    mean_ += (gap - mean_) / 16;
  }

  // The silence that is too unusual to be believed, where a sign is due every `period`.
  Duration patience(Duration period) const {
    Duration usual = std::max(mean_, period);
    Duration spread = std::max(deviation_, period / 5);
    return std::min(usual + kDeviations * spread, kPeriodsMax * period);
  }

 private:
  static constexpr int kDeviations = 6;
  // However irregular a link is, it is not waited for longer than this.
  static constexpr int kPeriodsMax = 8;
  Duration mean_{0}, deviation_{0};
};

}  // namespace vortex::dht
